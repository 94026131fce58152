import type { Model } from '../chaos/checkers/model.js'
import type { Operation } from '../chaos/history.js'
import { type Commands, elementsOf, type Part, type PartOperation } from './client.js'
import { type Entry, Store } from './store.js'
import { tagOf } from './workload.js'

/** What one server would hold of a tag. */
export type TagState = Store['databases']

/** The name of the operation that tells what all replicas hold in the end; its outcome's value is a number of `ends`. */
export const END = 'END'
export const READS: ReadonlySet<string> = new Set(['GET', 'MGET', 'LRANGE', 'HGETALL', 'SMEMBERS', 'EXISTS', END])
/** What concerns all keys. */
export const ON_ALL: ReadonlySet<string> = new Set(['FLUSHALL', 'FLUSHDB', 'SWAPDB', END])
const MOVES: ReadonlySet<string> = new Set(['RENAME', 'COPY', 'SWAPDB'])
const MULTIPLE: ReadonlySet<string> = new Set(['MGET', 'DEL', 'UNLINK', 'EXISTS', 'RENAME', 'COPY'])

/** The clocks of all members, minus the proxy's, lie between these. */
export interface ClockRange {
  readonly leastMs: number
  readonly mostMs: number
}

interface Way {
  readonly state: TagState
  readonly reply: string
}

/**
 * All keys of one {tag}, in all databases, as one server would have them: what a client's operations can lead to, given
 * their replies. Where a deadline may have passed at the moment of an operation both ways are possible, since nobody
 * knows on which member, by which clock and when it was executed.
 */
export class TagModel implements Model<TagState> {
  readonly name = 'tag'
  readonly timed = true
  readonly initial: TagState
  private readonly byId: ReadonlyMap<number, PartOperation>
  /** What one key needs may come from any other, with which it is moved or written, or from one of the same name in another database. */
  private readonly isMoved: boolean
  private readonly texts = new WeakMap<TagState, string>()

  constructor(
    operations: readonly PartOperation[],
    databases: number,
    private readonly clocks: ClockRange,
    /**
     * What the tag's master holds in the end, when by its clock, and by that of all members that is most ahead: a key that is not
     * there may have expired on another one, which was the master before.
     */
    private readonly end: { readonly state: TagState; readonly nowMs: number; readonly latestMs: number },
    /** Transactions whose reads may have found what is gone, by their ids. */
    private readonly vague: ReadonlySet<number> = new Set(),
  ) {
    this.byId = new Map(operations.map((operation) => [operation.id, operation]))
    this.isMoved = operations.some(({ part }) => part.commands !== undefined || MOVES.has(part.args[0]))
    this.initial = Array.from({ length: databases }, () => new Map())
  }

  key(state: TagState): string {
    let text = this.texts.get(state)
    if (text === undefined) {
      text = state.map((database) => [...database].map(textOf).sort().join(' ')).join('|')
      this.texts.set(state, text)
    }
    return text
  }

  isRead({ name, id }: Operation): boolean {
    return name === END || isRead(this.byId.get(id)!.part)
  }

  step(state: TagState, operation: Operation): readonly TagState[] {
    if (operation.name === END) return this.isEnd(state) ? [state] : []
    const { part, outcome } = this.byId.get(operation.id)!
    const ways = this.ways(state, operation)
    const fitting = part.isSummed
      ? ways
      : ways.filter(({ reply }) => outcome.kind === 'ok' && this.fits(operation, part, reply, String(outcome.value)))
    // Who reads on one replica that a key has expired says nothing about the next one's clock.
    return this.isRead(operation) ? (fitting.length > 0 ? [state] : []) : fitting.map((way) => way.state)
  }

  private fits({ id }: Operation, part: Part, reply: string, told: string): boolean {
    if (reply === told || !this.vague.has(id)) return reply === told
    const [own, others] = [elementsOf(reply), elementsOf(told)]
    return commandsOf(part).every(([name], i) => READS.has(name) || own[i] === others[i])
  }

  outcomes(state: TagState, unknown: Operation): readonly TagState[] {
    return this.ways(state, unknown).map((way) => way.state)
  }

  assist(state: TagState, unknown: Operation, next: Operation): readonly TagState[] {
    const keys = new Set(this.keysOf(unknown))
    const concerns = ON_ALL.has(unknown.name) || ON_ALL.has(next.name) || this.keysOf(next).some((key) => keys.has(key))
    return concerns || this.isMoved ? this.outcomes(state, unknown) : []
  }

  private keysOf({ name, id }: Operation): readonly string[] {
    if (ON_ALL.has(name)) return []
    return commandsOf(this.byId.get(id)!.part).flatMap(keysIn)
  }

  /** All that can come of an operation. */
  private ways(state: TagState, operation: Operation): Way[] {
    const { db, part, invokedMs, returnedMs, outcome } = this.byId.get(operation.id)!
    const fromMs = invokedMs + this.clocks.leastMs
    const toMs = (outcome.kind === 'ok' ? returnedMs : Number.POSITIVE_INFINITY) + this.clocks.mostMs
    const commands = commandsOf(part).map((args) => withDeadline(args, fromMs, toMs))
    const refusals = part.commands === undefined || outcome.kind !== 'ok' ? [] : refusalsIn(String(outcome.value))
    const gone: string[] = []
    const perhaps: string[] = []
    for (const key of new Set(this.keysOf(operation))) {
      const entry = state[db].get(key)
      if (entry === undefined || entry.deadlineMs > toMs) continue
      if (entry.latestMs <= fromMs) gone.push(key)
      else perhaps.push(key)
    }
    const ways: Way[] = []
    for (let chosen = 0; chosen < 2 ** perhaps.length; chosen++) {
      const expired = [...gone, ...perhaps.filter((_, i) => ((chosen >> i) & 1) === 1)]
      for (let choice = 0, choices = 1; choice < choices; choice++) {
        const store = new Store(
          {
            nowMs: () => Number.NEGATIVE_INFINITY,
            expired: () => {},
            choose: (count) => {
              choices = count
              return choice
            },
          },
          state,
        )
        for (const key of expired) store.delete(db, key)
        const replies = commands.map((args, i) => refusals[i] ?? store.execute(args, db))
        const reply = part.commands === undefined ? replies[0] : `*${replies.length}\r\n${replies.join('')}`
        ways.push({ state: store.databases, reply })
      }
    }
    return ways
  }

  private isEnd(state: TagState): boolean {
    const { state: end, nowMs, latestMs } = this.end
    return state.every((database, db) => {
      const keys = new Set([...database.keys(), ...end[db].keys()])
      return [...keys].every((key) => isSame(database.get(key), alive(end[db].get(key), nowMs), latestMs))
    })
  }
}

/** What is executed, one after the other. */
export function commandsOf({ args, commands }: Part): Commands {
  return commands ?? [args]
}

/** Whether it changes nothing. */
export function isRead(part: Part): boolean {
  return commandsOf(part).every(([name]) => READS.has(name))
}

/** A server may refuse a command that it gets without MULTI, because it refuses that: the errors in their places in EXEC's reply. */
function refusalsIn(reply: string): (string | undefined)[] {
  return elementsOf(reply).map((element) => (/^-(?:OOM|MISCONF) /.test(element) ? element : undefined))
}

function keysIn([name, ...words]: readonly string[]): readonly string[] {
  if (name === 'MSET' || name === 'MSETNX') return words.filter((_, i) => i % 2 === 0)
  return MULTIPLE.has(name) ? words.filter((word) => word.startsWith('{')) : [words[0]]
}

/** The entries of one tag, of a store that has those of others, too. */
export function ofTag(state: TagState, tag: string): TagState {
  return state.map((database) => new Map([...database].filter(([key]) => tagOf(key) === tag)))
}

export function alive(entry: Entry | undefined, nowMs: number): Entry | undefined {
  return entry === undefined || entry.deadlineMs <= nowMs ? undefined : entry
}

/** Whether what is guessed of a key can be what is there. */
function isSame(guess: Entry | undefined, there: Entry | undefined, nowMs: number): boolean {
  if (guess === undefined) return there === undefined
  if (there === undefined) return guess.deadlineMs <= nowMs
  return (
    guess.kind === there.kind &&
    guess.items.length === there.items.length &&
    guess.items.every((item, i) => item === there.items[i]) &&
    guess.deadlineMs <= there.deadlineMs &&
    there.deadlineMs <= guess.latestMs
  )
}

/** Relative times as the proxy made them absolute, which may have been at any time from the call to the reply. */
function withDeadline(args: readonly string[], fromMs: number, toMs: number): readonly string[] {
  const between = (ms: number) => `${Math.floor(fromMs) + ms}~${toMs + ms}`
  if (args[0] === 'PEXPIRE') return ['PEXPIREAT', args[1], between(Number(args[2]))]
  if (args[3] === 'PX') return [...args.slice(0, 3), 'PXAT', between(Number(args[4]))]
  return args
}

function textOf([key, { kind, items, deadlineMs, latestMs }]: readonly [string, Entry]): string {
  return `${key}=${kind}:${items.join(',')}@${deadlineMs}~${latestMs}`
}
