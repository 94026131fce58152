import type { Random } from '../chaos/random.js'
import type { ClientCommand, Part } from './client.js'
import type { Kind, Settings } from './settings.js'

/*
 * What clients send. A key's name begins with its {tag}, and the letter behind it says what it holds: s and t strings, l and
 * m lists, h and i hashes, e and f sets, n a counter, y a string that is used together with those of other tags. Every value is
 * written once in a run.
 */

/** Deadlines are as near as this, or so far that no run gets there. */
const NEAR_MS = 400
const FAR_MS = 1_000_000_000
const MEMBERS = ['p', 'q', 'r', 'u']
/** In place of a {tag}: the keys y of all tags are looked at as one, because what concerns several of them concerns them at once. */
export const TOGETHER = 'together'
/** What leaves something to a server. */
const CHOOSING: ReadonlySet<string> = new Set(['SPOP', 'XCLAIM'])
const EXEC = ['EXEC']
const IS_TOGETHER = /^\{.*\}y$/

export class Workload {
  private values = 0
  /** The tag of the transaction that is being put together. */
  private tag: string | undefined

  constructor(
    private readonly settings: Settings,
    private readonly random: Random,
  ) {}

  next(nowMs: number): ClientCommand {
    const { random, settings } = this
    const db = random.below(settings.databases)
    const kind = random.pick(settings.kinds)
    if (kind === 'several') return this.several(db)
    if (kind === 'together') return this.together(db)
    if (kind === 'exec') return random.chance(0.5) ? this.execOfOne(db, nowMs) : this.execOfAll(db)
    if (kind === 'all') {
      // Rarely: nothing is left of what was interesting.
      if (random.chance(0.85)) return this.one(db, this.ofKind('string', nowMs))
      return this.onAll(db)
    }
    return this.one(db, this.ofKind(kind, nowMs))
  }

  private value(): string {
    return `v${++this.values}`
  }

  private key(letters: string): string {
    const { random, settings } = this
    return `{${this.tag ?? random.pick(settings.tags)}}${letters[random.below(letters.length)]}`
  }

  private one(db: number, args: readonly string[]): ClientCommand {
    return { args, db, parts: [{ tag: tagOf(args[1]), args }] }
  }

  private ofKind(kind: Exclude<Kind, 'several' | 'together' | 'exec' | 'all'>, nowMs: number): string[] {
    const { random } = this
    const string = this.key('st')
    const list = this.key('lm')
    const hash = this.key('hi')
    const set = this.key('ef')
    const counter = this.key('n')
    switch (kind) {
      case 'string':
        return random.pick([
          ['GET', string],
          ['GET', string],
          ['SET', string, this.value()],
          ['SET', string, this.value(), 'NX'],
          ['APPEND', string, this.value()],
          ['APPEND', string, this.value()],
          ['GETDEL', string],
          ['DEL', string],
        ])
      case 'counter':
        return random.pick([
          ['INCR', counter],
          ['INCR', counter],
          ['GET', counter],
        ])
      case 'list':
        return random.pick([
          ['RPUSH', list, this.value()],
          ['RPUSH', list, this.value(), this.value()],
          ['LPOP', list],
          ['LRANGE', list, '0', '-1'],
          ['UNLINK', list],
        ])
      case 'hash':
        return random.pick([
          ['HSET', hash, random.pick(MEMBERS), this.value()],
          ['HSET', hash, random.pick(MEMBERS), this.value()],
          ['HGETALL', hash],
          ['DEL', hash],
        ])
      case 'set':
        return random.pick([
          ['SADD', set, random.pick(MEMBERS)],
          ['SADD', set, random.pick(MEMBERS)],
          ['SREM', set, random.pick(MEMBERS)],
          ['SPOP', set],
          ['SMEMBERS', set],
        ])
      case 'claim':
        return random.pick([
          ['XCLAIM', list, 'group', 'consumer', '0', this.value(), this.value()],
          ['LRANGE', list, '0', '-1'],
          ['LPOP', list],
        ])
      case 'trim':
        return random.pick([
          ['RPUSH', list, this.value(), this.value()],
          ['RPUSH', list, this.value()],
          ['XTRIM', list, 'MAXLEN', '~', String(random.between(0, 3))],
          ['XTRIM', list, 'MAXLEN', '~', '1'],
          ['LRANGE', list, '0', '-1'],
        ])
      case 'move':
        return this.move()
      case 'deadline':
        return this.deadline(nowMs)
    }
  }

  /** What is in one key comes into another one. */
  private move(): string[] {
    const { random, settings } = this
    const tag = this.tag ?? random.pick(settings.tags)
    const [one, other] = random
      .sample([...random.pick(['st', 'lm', 'hi', 'ef'])], 2)
      .map((letter) => `{${tag}}${letter}`)
    return random.pick([
      ['RENAME', one, other],
      ['COPY', one, other, 'REPLACE'],
      ['COPY', one, other],
    ])
  }

  private deadline(nowMs: number): string[] {
    const { random } = this
    const key = this.key(random.pick(['st', 'lm', 'hi', 'ef', 'n']))
    const ms = random.chance(0.8) ? random.between(1, NEAR_MS) : FAR_MS
    return random.pick([
      ['PEXPIREAT', key, String(Math.floor(nowMs) + ms)],
      ['PEXPIREAT', key, String(Math.floor(nowMs) + ms)],
      ['PEXPIRE', key, String(ms)],
      ['SET', this.key('st'), this.value(), 'PX', String(ms)],
      ['PERSIST', key],
      ['EXISTS', key],
    ])
  }

  /** A command that is cut by replica set. */
  private several(db: number): ClientCommand {
    const { random } = this
    const keys = [...new Set(Array.from({ length: random.between(2, 4) }, () => this.key('st')))]
    const name = random.pick(['MSET', 'MSET', 'MGET', 'DEL', 'UNLINK', 'EXISTS'])
    const words = keys.map((key) => (name === 'MSET' ? [key, this.value()] : [key]))
    const tags = [...new Set(keys.map(tagOf))]
    const parts = tags.map((tag): Part => {
      const own = keys.flatMap((key, i) => (tagOf(key) === tag ? [i] : []))
      const args = [name, ...own.flatMap((i) => words[i])]
      if (name === 'MGET') return { tag, args, elements: own }
      return name !== 'MSET' && tags.length > 1 ? { tag, args, isSummed: true } : { tag, args }
    })
    return { args: [name, ...words.flat()], db, parts }
  }

  /** A command on several keys that has to be one step. */
  private together(db: number): ClientCommand {
    const { random, settings } = this
    const keys = settings.tags.map((tag) => `{${tag}}y`)
    const some = random.sample(keys, random.between(1, keys.length))
    const set = (name: string, names: readonly string[]) => [name, ...names.flatMap((key) => [key, this.value()])]
    const args = random.pick([
      ['MGET', ...keys],
      ['MGET', ...keys],
      ['MGET', ...some],
      ['EXISTS', ...some],
      set('MSET', keys),
      set('MSET', some),
      set('MSET', some),
      set('MSETNX', some),
      ['DEL', ...some],
      ['UNLINK', ...some],
    ])
    return { args, db, parts: [{ tag: TOGETHER, args }] }
  }

  /** A transaction on keys of one tag, of which a server chooses at most once. */
  private execOfOne(db: number, nowMs: number): ClientCommand {
    const { random, settings } = this
    const kinds = (['string', 'counter', 'list', 'hash', 'set'] as const).filter(() => random.chance(0.6))
    const more = (['move', 'claim'] as const).filter((kind) => settings.kinds.includes(kind))
    this.tag = random.pick(settings.tags)
    const commands: string[][] = []
    for (let i = random.between(1, 5); i > 0; i--) {
      const args = this.ofKind(random.pick([...kinds, ...more, 'counter']), nowMs)
      const hasChosen = commands.some(([name]) => CHOOSING.has(name))
      if (!CHOOSING.has(args[0]) || !hasChosen) commands.push(args)
    }
    const part = { tag: this.tag, args: EXEC, commands }
    this.tag = undefined
    return { args: EXEC, commands, db, parts: [part] }
  }

  /** A transaction on keys that are used together with those of other tags. */
  private execOfAll(db: number): ClientCommand {
    const { random, settings } = this
    const keys = settings.tags.map((tag) => `{${tag}}y`)
    const commands = Array.from({ length: random.between(1, 5) }, () => {
      const key = random.pick(keys)
      return random.pick([
        ['SET', key, this.value()],
        ['APPEND', key, this.value()],
        ['GET', key],
        ['GETDEL', key],
        ['DEL', key],
        ['MGET', ...keys],
        ['MSET', ...keys.flatMap((each) => [each, this.value()])],
        ['EXISTS', ...keys],
      ])
    })
    const part = { tag: TOGETHER, args: EXEC, commands }
    return { args: EXEC, commands, db, parts: [part] }
  }

  /** A command on all keys. */
  private onAll(db: number): ClientCommand {
    const { random, settings } = this
    // A swap of which the connection breaks gives up what its server has, whatever becomes of the others.
    const mayBeSwapped = settings.databases > 1 && !settings.faults.includes('sweeps')
    const args = mayBeSwapped
      ? random.pick([['FLUSHALL'], ['FLUSHDB'], ['SWAPDB', '0', '1'], ['SWAPDB', '1', '0']])
      : random.pick([['FLUSHALL'], ['FLUSHDB']])
    return { args, db, parts: groupsOf(settings).map((tag) => ({ tag, args })) }
  }
}

/** What is looked at as one: the keys of each tag, and those that are used together. */
export function groupsOf({ tags, kinds }: Settings): readonly string[] {
  return kinds.includes('together') || kinds.includes('exec') ? [...tags, TOGETHER] : tags
}

/** What stands in braces, or `TOGETHER`. */
export function tagOf(key: string): string {
  return IS_TOGETHER.test(key) ? TOGETHER : key.slice(1, key.indexOf('}'))
}
