import { setTimeout as sleep } from 'node:timers/promises'
import { CheckingClient } from '../helpers/checking-client.js'
import { command, RawClient } from '../helpers/raw-client.js'

/** Between two pipelines of one client: the load is moderate. */
const PAUSE_MS = 8
const DEPTH = 4
const LARGE = 'x'.repeat(64 * 1024)

/** What an error may be while members fail: it says that nothing was applied, or that the outcome is unknown. */
const HONEST = /not applied|outcome|was not answered|send it again|EXECABORT|TRYAGAIN/

/** What has happened since it was asked last. */
export interface Interval {
  readonly replies: number
  /** In ms, how long pipelines took. */
  readonly tookMs: readonly number[]
  /** How many errors there were, by their beginnings. */
  readonly errors: ReadonlyMap<string, number>
}

/** Clients who speak without haste: some know each reply, some say one of everything. */
export class Load {
  /** What no client may see. */
  readonly faults: string[] = []
  private readonly clients: RawClient[] = []
  private readonly checking: CheckingClient[] = []
  private running: Promise<void>[] = []
  private isOver = false
  private replies = 0
  private tookMs: number[] = []
  private errors = new Map<string, number>()
  private noted = { notApplied: 0, unknown: 0, overtaken: 0, replies: 0 }

  /** @param count of those that know each reply; half as many say one of everything */
  static async start(port: number, count: number): Promise<Load> {
    const load = new Load()
    for (let i = 0; i < count; i++) {
      const proto = i % 2 === 0 ? 2 : 3
      const checking = new CheckingClient(await load.open(port, proto), `soak${i}`, proto)
      load.checking.push(checking)
      load.running.push(load.go(`client ${i}`, () => checking.pipeline(DEPTH)))
    }
    const listener = await load.open(port, 2)
    await listener.ask('SUBSCRIBE', 'soak')
    for (let i = 0; i < count / 2; i++) {
      const client = await load.open(port, 3)
      let turn = 0
      load.running.push(load.go(`mixed client ${i}`, () => load.mixed(client, `mixed${i}`, turn++)))
    }
    return load
  }

  /** Ends it; each that knows its replies reads all that it has written once more. */
  async stop(): Promise<void> {
    this.isOver = true
    await Promise.all(this.running)
    await Promise.all(
      this.checking.map((client) => client.readAll().catch((failure: Error) => this.fault(failure.message))),
    )
    this.look()
    for (const client of this.clients) client.close()
  }

  take(): Interval {
    this.look()
    const { replies, tookMs, errors } = this
    this.replies = 0
    this.tookMs = []
    this.errors = new Map()
    return { replies, tookMs, errors }
  }

  private async open(port: number, proto: 2 | 3): Promise<RawClient> {
    const client = await RawClient.connect(port, proto)
    this.clients.push(client)
    return client
  }

  private async go(name: string, step: () => Promise<void>): Promise<void> {
    try {
      while (!this.isOver) {
        const beganMs = performance.now()
        await step()
        this.tookMs.push(performance.now() - beganMs)
        await sleep(PAUSE_MS)
      }
    } catch (failure) {
      this.fault(`${name}: ${(failure as Error).message}`)
    }
  }

  /** What those have counted that know each reply. */
  private look(): void {
    for (const { violations } of this.checking) for (const violation of violations.splice(0)) this.fault(violation)
    const sum = { notApplied: 0, unknown: 0, overtaken: 0, replies: 0 }
    for (const client of this.checking)
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += client[name]
    this.replies += sum.replies - this.noted.replies
    this.count('not applied', sum.notApplied - this.noted.notApplied)
    this.count('outcome unknown', sum.unknown - this.noted.unknown)
    this.count('read overtaken', sum.overtaken - this.noted.overtaken)
    this.noted = sum
  }

  private count(what: string, times: number): void {
    if (times > 0) this.errors.set(what, (this.errors.get(what) ?? 0) + times)
  }

  private fault(text: string): void {
    if (this.faults.length < 50) this.faults.push(text)
  }

  private async mixed(client: RawClient, name: string, turn: number): Promise<void> {
    const said = COMMANDS[turn % COMMANDS.length](name, turn)
    const replies = await client.pipeline(said)
    this.replies += replies.length
    for (const [i, reply] of replies.entries()) {
      if (reply[0] !== 0x2d) continue
      const text = reply.toString('latin1', 0, 300)
      this.count(`${said[i][0]} refused`, 1)
      if (!HONEST.test(text))
        this.fault(`${name}: ${command(...said[i]).length} bytes of ${said[i][0]} were answered ${text}`)
    }
  }
}

type Said = readonly (readonly string[])[]

/** One of everything, with a bounded number of keys. */
const COMMANDS: readonly ((name: string, turn: number) => Said)[] = [
  (name, turn) => [['SET', `${name}:mortal:${turn % 500}`, String(turn), 'EX', '5']],
  (name) => [['MULTI'], ['INCR', `${name}:a`], ['INCR', `${name}:b`], ['EXEC']],
  (name) => [['EVAL', "return redis.call('INCRBY',KEYS[1],ARGV[1])", '1', `${name}:script`, '1']],
  (name, turn) => [['XADD', `${name}:stream`, 'MAXLEN', '~', '500', '*', 'turn', String(turn)]],
  (name, turn) => [
    ['LPUSH', `${name}:queue`, String(turn)],
    ['RPOP', `${name}:queue`],
  ],
  (name, turn) => [['ZADD', `${name}:ranks`, String(turn), `member:${turn % 200}`]],
  (name, turn) => [['HSET', `${name}:hash`, `field:${turn % 200}`, String(turn)]],
  (name) => [['MGET', `${name}:a`, `${name}:b`, `${name}:script`, `${name}:large`]],
  (name, turn) => [
    ['SADD', `${name}:one`, String(turn % 100)],
    ['SADD', `${name}:two`, String(turn % 70)],
    ['SUNIONSTORE', `${name}:three`, `${name}:one`, `${name}:two`],
  ],
  (_name, turn) => [['PUBLISH', 'soak', String(turn)]],
  (name) => [['SET', `${name}:large`, LARGE]],
  (name) => [['GET', `${name}:large`]],
  () => [['DBSIZE'], ['INFO', 'server'], ['SCAN', '0']],
]
