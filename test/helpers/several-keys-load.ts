import type { RawClient } from './raw-client.js'
import { itemsOf, type Node, readReply, textOf } from './raw-reply.js'

const LISTS = 8
const ELEMENTS = 24
const NAMES = 4
const ACCOUNTS = 6
const UNKNOWN =
  /^-ERR the (outcome of this (write|transaction) is unknown|transaction was executed in part|outcome of this command, and of those that were sent behind it, is unknown)/

type Kind = 'moves' | 'renames' | 'unions' | 'transfers' | 'pairs' | 'news'

/**
 * Clients that do to keys of several servers what takes several of these: elements go round lists and sets, names change, sets are
 * united, accounts pay each other, and keys of one tag are written together. What they were told is counted, so that it can be held
 * against what is there in the end, whatever was done meanwhile to servers and proxies.
 */
export class SeveralKeysLoad {
  /** How often each kind was acknowledged. */
  readonly done: Record<Kind, number> = { moves: 0, renames: 0, unions: 0, transfers: 0, pairs: 0, news: 0 }
  /** How often nobody knows: it was told so, or the connection ended before the reply. */
  readonly unsure: Record<Kind, number> = { moves: 0, renames: 0, unions: 0, transfers: 0, pairs: 0, news: 0 }
  /** What must not be. */
  readonly faults: string[] = []
  private over = false
  private readonly running: Promise<void>[] = []
  private readonly connections: RawClient[] = []

  /** @param tolerated errors that say that nothing was applied, and may come */
  constructor(
    private readonly connect: () => Promise<RawClient>,
    private readonly tolerated = /^(?!)/,
  ) {}

  get total(): number {
    return Object.values(this.done).reduce((sum, count) => sum + count, 0)
  }

  /** Whether all of them have been done so often. */
  hasDone(count: number): boolean {
    return Object.values(this.done).every((each) => each >= count)
  }

  async begin(): Promise<void> {
    const client = await this.connect()
    for (let i = 0; i < ELEMENTS; i++) {
      await client.ask('RPUSH', `list:${i % LISTS}`, `e${i}`)
      await client.ask('SADD', `set:${i % LISTS}`, `e${i}`)
    }
    for (let i = 0; i < ACCOUNTS; i++) await client.ask('SET', `account:${i}`, '0')
    for (let i = 0; i < NAMES; i++) await client.ask('SET', `name:${i}`, `value ${i}`)
    for (let i = 0; i < 3; i++) await client.ask('SADD', `part:${i}`, 'common', `of${i}`)
    client.close()
    this.work((ask, i) => this.moveElement(ask, i))
    this.work((ask, i) => this.moveElement(ask, i + 7))
    this.work((ask, i) => this.moveMember(ask, i))
    for (let n = 0; n < NAMES; n += 2) this.work((ask, i) => this.rename(ask, n, i))
    this.work((ask, i) => this.unite(ask, i))
    for (let n = 0; n < 2; n++) this.work((ask, i) => this.transfer(ask, i + 3 * n))
    this.work((ask) => this.pair(ask))
    this.work((ask, i) => this.create(ask, i))
    this.work((ask) => this.look(ask))
  }

  /** Ends it; resolves when nobody has anything on its way. */
  async end(): Promise<void> {
    this.over = true
    await Promise.all(this.running)
    for (const client of this.connections) client.close()
  }

  /** Resolves when all connections have ended with their proxy. */
  async ended(): Promise<void> {
    await Promise.all(this.running)
  }

  /** Somebody who does the same again and again, until the end, or the end of its connection. */
  private work(step: (ask: Ask, i: number) => Promise<void>): void {
    const run = async () => {
      const client = await this.connect()
      this.connections.push(client)
      const ask: Ask = async (kind, ...commands) => {
        let reply: string
        try {
          reply = String((await client.pipeline(commands)).at(-1))
        } catch {
          if (kind !== undefined) this.unsure[kind]++
          throw new Ended()
        }
        if (kind === undefined) return reply
        if (UNKNOWN.test(reply)) this.unsure[kind]++
        else if (this.tolerated.test(reply)) return undefined
        // It is under the one name or under the other.
        else if (kind === 'renames' && this.unsure.renames > 0 && reply.startsWith('-ERR no such key')) return undefined
        else if (reply.startsWith('-'))
          this.faults.push(`${commands.map((each) => each.join(' ')).join('; ')}: ${reply}`)
        else {
          this.done[kind]++
          return reply
        }
        return undefined
      }
      for (let i = 0; !this.over; i++) await step(ask, i)
    }
    this.running.push(
      run().catch((failure) => {
        if (!(failure instanceof Ended)) this.faults.push(String(failure))
      }),
    )
  }

  private async moveElement(ask: Ask, i: number): Promise<void> {
    await ask('moves', ['LMOVE', `list:${i % LISTS}`, `list:${(i * 5 + 1) % LISTS}`, 'LEFT', 'RIGHT'])
  }

  private async moveMember(ask: Ask, i: number): Promise<void> {
    await ask('moves', ['SMOVE', `set:${i % LISTS}`, `set:${(i * 5 + 3) % LISTS}`, `e${(i * 7) % ELEMENTS}`])
  }

  /** A value goes to and fro between two names. */
  private async rename(ask: Ask, n: number, i: number): Promise<void> {
    const [one, other] = [`name:${n}`, `other:${n}`]
    await ask('renames', i % 2 === 0 ? ['RENAME', one, other] : ['RENAME', other, one])
  }

  private async unite(ask: Ask, i: number): Promise<void> {
    const write = ['SADD', `part:${i % 3}`, 'common']
    const reply = await ask('unions', write, ['SUNIONSTORE', `all:${i % 3}`, 'part:0', 'part:1', 'part:2'])
    if (reply !== undefined && reply !== ':4\r\n') this.faults.push(`SUNIONSTORE: ${reply}`)
  }

  private async transfer(ask: Ask, i: number): Promise<void> {
    const [from, to] = [`account:${i % ACCOUNTS}`, `account:${(i * 5 + 1) % ACCOUNTS}`]
    await ask('transfers', ['MULTI'], ['DECR', from], ['INCR', to], ['INCR', 'transfers'], ['EXEC'])
  }

  /** Keys of one tag: all of it, or nothing. */
  private async pair(ask: Ask): Promise<void> {
    await ask('pairs', ['MULTI'], ['INCR', '{pair}a'], ['RPUSH', '{pair}b', 'x'], ['INCR', '{pair}c'], ['EXEC'])
  }

  /** The same with a key that is new. */
  private async create(ask: Ask, i: number): Promise<void> {
    await ask('news', ['MULTI'], ['SET', `{new}${i}`, 'x'], ['INCR', '{new}count'], ['EXEC'])
  }

  /** Nobody sees the middle of a transfer. */
  private async look(ask: Ask): Promise<void> {
    const keys = Array.from({ length: ACCOUNTS }, (_, i) => `account:${i}`)
    const reply = await ask(undefined, ['MULTI'], ['MGET', ...keys], ['EXEC'])
    if (reply?.startsWith('*1') !== true || this.unsure.transfers > 0) return
    const [values] = itemsOf(readReply(Buffer.from(reply)))
    const sum = itemsOf(values).reduce((all, value) => all + Number(textOf(value)), 0)
    if (sum !== 0 && this.unsure.transfers === 0) this.faults.push(`the sum of the accounts is ${sum}`)
  }

  /** What is not as it was told, when all of it has ended. */
  async check(client: RawClient): Promise<string[]> {
    const { done, unsure } = this
    const faults = [...this.faults.slice(0, 3)]
    const fault = (what: string) => faults.push(what)
    const ask = async (...args: string[]) => readReply(await client.ask(...args))
    for (const [prefix, read] of [
      ['list', (key: string) => ask('LRANGE', key, '0', '-1')],
      ['set', (key: string) => ask('SMEMBERS', key)],
    ] as const) {
      const held: string[] = []
      for (let i = 0; i < LISTS; i++) held.push(...itemsOf(await read(`${prefix}:${i}`)).map(textOf))
      const lost = Array.from({ length: ELEMENTS }, (_, i) => `e${i}`).filter((each) => !held.includes(each))
      if (lost.length > 0) fault(`${prefix}s have lost ${lost}`)
      if (held.length > ELEMENTS + unsure.moves)
        fault(`${held.length} elements in the ${prefix}s, ${unsure.moves} unsure`)
    }
    for (let n = 0; n < NAMES; n += 2) {
      const values = itemsOf(await ask('MGET', `name:${n}`, `other:${n}`)).map(textOf)
      const there = values.filter((value) => value === `value ${n}`).length
      if (there === 0 || (there === 2 && unsure.renames === 0)) fault(`name:${n} and other:${n} are ${values}`)
    }
    for (let i = 0; i < 3; i++) {
      const size = textOf(await ask('SCARD', `all:${i}`))
      if (size !== '4') fault(`all:${i} has ${size}`)
    }
    const accounts = itemsOf(await ask('MGET', ...Array.from({ length: ACCOUNTS }, (_, i) => `account:${i}`)))
    const sum = accounts.reduce((all, value) => all + Number(textOf(value)), 0)
    if (Math.abs(sum) > unsure.transfers) fault(`the sum of the accounts is ${sum}, ${unsure.transfers} unsure`)
    const counted = (what: string, value: Node, kind: Kind) => {
      const count = Number(textOf(value))
      if (count < done[kind] || count > done[kind] + unsure[kind])
        fault(`${what} is ${count}, ${done[kind]} were done, ${unsure[kind]} unsure`)
    }
    counted('transfers', await ask('GET', 'transfers'), 'transfers')
    counted('{pair}a', await ask('GET', '{pair}a'), 'pairs')
    const pairs = await Promise.all([ask('GET', '{pair}a'), ask('LLEN', '{pair}b'), ask('GET', '{pair}c')])
    if (new Set(pairs.map(textOf)).size !== 1) fault(`keys of one tag differ: ${pairs.map(textOf)}`)
    counted('{new}count', await ask('GET', '{new}count'), 'news')
    const news = itemsOf(await ask('KEYS', '{new}[0-9]*')).length
    const count = textOf(await ask('GET', '{new}count'))
    if (String(news) !== count) fault(`${news} keys were made and ${count} counted`)
    return faults
  }
}

/** Its connection has ended. */
class Ended extends Error {}

/** Sends commands at once and gives the last reply, or undefined when it was no success; what is of no kind is not counted. */
type Ask = (kind: Kind | undefined, ...commands: readonly (readonly string[])[]) => Promise<string | undefined>
