import { setTimeout as sleep } from 'node:timers/promises'
import { command } from '../helpers/raw-client.js'
import type { Node } from '../helpers/raw-reply.js'
import { idsIn } from './checkers/group.js'
import { DROPPED } from './checkers/honesty.js'
import {
  CARRYING_TYPES,
  encode,
  encodeTogether,
  isRead,
  outcomeOfAll,
  type Plan,
  partOf,
  repliesTo,
  WATCHED_TYPE,
} from './commands.js'
import { Connection, ConnectionLostError } from './connection.js'
import { placeOf } from './databases.js'
import { EVERYWHERE, type History, nowMs, type Operation, type Outcome } from './history.js'
import { type ClientPlan, DELIVERED_ID, type Task } from './workloads.js'

/** How long a client waits for replies before it gives the connection up; longer than the proxy lets a command wait. */
const PATIENCE_MS = 9000
const RECONNECT_MS = 20
/** How long after its deadline a key is looked at, and looked at again. */
const LOOKS_MS = [10, 30, 200]

/** What a client needs to know of a proxy. */
export interface ProxyAddress {
  readonly port: number
  /** Proxies with the same number have each other's clients: fronts and their owner. By itself each is alone. */
  readonly group?: number | undefined
  /** Whether it runs and has not been harmed by us since that moment. */
  unharmedSince(ms: number): boolean
}

/** Whether the clients read now. While they do not, what their plans have to read is left out. */
export class Reading {
  private pausing = 0
  private inFlight = 0

  get isPaused(): boolean {
    return this.pausing > 0
  }

  /** Resolves when no client reads any more; the function that it gives lets them read again. */
  async pause(): Promise<() => void> {
    this.pausing++
    while (this.inFlight > 0) await sleep(5)
    return () => {
      this.pausing--
    }
  }

  /** A client sends something that has reads among it, until the task is done. */
  async during<T>(task: Promise<T>): Promise<T> {
    this.inFlight++
    return task.finally(() => this.inFlight--)
  }
}

/** Whether the clients do anything now. */
export class Gate {
  private closed = 0
  private inFlight = 0

  /** Resolves when no client waits for anything any more; the function that it gives lets them go on. */
  async close(): Promise<() => void> {
    this.closed++
    while (this.inFlight > 0) await sleep(5)
    return () => {
      this.closed--
    }
  }

  /** Does the task once the gate is open. */
  async through<T>(task: () => Promise<T>): Promise<T> {
    while (this.closed > 0) await sleep(5)
    this.inFlight++
    return task().finally(() => this.inFlight--)
  }
}

/** One client of the proxy: does what its plan says and writes down what came of it. */
export class Client {
  private connection: Connection | undefined
  /** The proxy that the connection leads to. */
  private via: ProxyAddress | undefined
  private stopped = false
  /** The last entry of each stream that a group has delivered to us. */
  private readonly delivered = new Map<string, string>()

  constructor(
    readonly index: number,
    readonly db: number,
    private readonly proto: 2 | 3,
    /** The proxy that serves now. */
    private readonly current: () => ProxyAddress,
    private readonly history: History,
    private readonly reading = new Reading(),
    private readonly gate = new Gate(),
    /** After so long without a reply it gives its connection up; 0: never. */
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /** Follows the plan until `stop`. */
  async run(plan: ClientPlan): Promise<void> {
    while (!this.stopped) await this.perform(plan.next())
  }

  stop(): void {
    this.stopped = true
  }

  /** Ends the connection; the next command finds the proxy that serves then. */
  close(reason: string): void {
    this.connection?.close(reason)
  }

  /** Sends the commands together, over any connection, or over this one or not at all; resolves with what was written down of them, in their order. */
  send(plans: readonly Plan[], only?: Connection): Promise<Operation[]> {
    return this.gate.through(() => this.sendNow(plans, only))
  }

  private async sendNow(plans: readonly Plan[], only: Connection | undefined): Promise<Operation[]> {
    const connection = only === undefined ? await this.connected() : only.lost === undefined ? only : undefined
    const allowed = this.reading.isPaused ? plans.filter((plan) => !isRead(plan)) : plans
    const wanted = allowed.map((plan) => this.withId(plan))
    if (connection === undefined || wanted.length === 0) return []
    const replies = () => {
      const counts = wanted.map(repliesTo)
      const all = connection.send(
        Buffer.concat(wanted.map(encode)),
        counts.reduce((sum, count) => sum + count, 0),
      )
      return counts.map((count) => Promise.all(all.splice(0, count)))
    }
    const sent = this.outcomes(connection, wanted, replies)
    return wanted.some(isRead) ? this.reading.during(sent) : sent
  }

  /** Sends one command that does what all of the plans mean; its reply is that of each. */
  private async sendTogether(plans: readonly Plan[]): Promise<void> {
    const connection = await this.connected()
    if (connection === undefined || (this.reading.isPaused && plans.some(isRead))) return
    const replies = () => {
      const [reply] = connection.send(encodeTogether(plans), 1)
      return plans.map((plan, i) => reply.then((node) => [partOf(node, plan, i)]))
    }
    const sent = this.outcomes(connection, plans, replies)
    await (plans.some(isRead) ? this.reading.during(sent) : sent)
  }

  /** `send` gives the replies to each of the plans, which this writes down. */
  private async outcomes(
    connection: Connection,
    plans: readonly Plan[],
    send: () => Promise<readonly Node[]>[],
  ): Promise<Operation[]> {
    const invokedMs = nowMs()
    const replies = send()
    const ids = plans.map(() => this.history.nextId())
    const { patienceMs } = this
    const impatient = () => connection.close(`no reply within ${patienceMs} ms`)
    const timer = patienceMs === 0 ? undefined : setTimeout(impatient, patienceMs)
    const via = this.via === undefined ? {} : viaOf(this.via)
    const lastOfKey = new Map<string, number>()
    const operations = plans.map(async (plan, i): Promise<Operation> => {
      const place = placeOf(this.db)
      const key = plan.name === 'flushall' ? EVERYWHERE : `${place}/${plan.key}`
      const after = lastOfKey.get(key)
      lastOfKey.set(key, ids[i])
      const { workload, name, args } = plan
      const db = place === String(this.db) ? {} : { db: this.db }
      const invoked = { id: ids[i], client: this.index, workload, key, ...db, name, args, invokedMs, ...via }
      let outcome: Outcome
      try {
        outcome = outcomeOfAll(plan, await replies[i])
      } catch (error) {
        if (!(error instanceof ConnectionLostError)) throw error
        outcome = { kind: 'unknown', reason: this.whyLost(error, invokedMs) }
      }
      const times =
        outcome.kind === 'unknown' ? { returnedMs: Number.POSITIVE_INFINITY, lostMs: nowMs() } : { returnedMs: nowMs() }
      const operation = { ...invoked, ...times, outcome, ...(after === undefined ? {} : { after }) }
      this.history.add(operation)
      if (name === 'xreadgroup' && outcome.kind === 'ok') {
        const id = idsIn(outcome.value).at(-1)
        if (id !== undefined) this.delivered.set(plan.key, id)
      }
      return operation
    })
    const done = await Promise.all(operations)
    clearTimeout(timer)
    return done
  }

  private async perform(task: Task): Promise<void> {
    if (task.kind === 'compare') {
      await this.compareAndSet(task)
      return
    }
    if (task.kind === 'deadline') {
      await this.aimAtDeadline(task)
      return
    }
    if (task.kind === 'together') {
      await this.gate.through(() => this.sendTogether(task.plans))
      return
    }
    await this.send(task.plans)
    if (task.thinkMs > 0) await sleep(task.thinkMs)
  }

  private async compareAndSet({ watch, set, thinkMs }: Task & { kind: 'compare' }): Promise<void> {
    const [looked] = await this.send([watch])
    const { connection } = this
    if (looked?.outcome.kind === 'ok') {
      if (thinkMs > 0) await sleep(thinkMs)
      const seen = [looked.outcome.value].flat().map((value) => (value === null ? 'nil' : String(value)))
      await this.send([{ ...set, args: [...set.args, ...seen] }], connection)
    }
    // Nothing stays watched, whatever happened.
    await connection?.send(command('UNWATCH'), 1)[0].catch(() => {})
  }

  private async aimAtDeadline({ key, ttlMs, aimMs }: Task & { kind: 'deadline' }): Promise<void> {
    const deadlineMs = Math.floor(nowMs()) + ttlMs
    const plan = (name: string): Plan => ({ workload: 'deadline', key, name, args: [deadlineMs] })
    const begun = await this.send([plan('create'), plan('expire')])
    if (begun.length === 0 || begun.some(({ outcome }) => outcome.kind !== 'ok') || nowMs() > deadlineMs - 5) return
    if (key.startsWith(WATCHED_TYPE)) {
      await this.send([plan('touch')])
      const { connection } = this
      await sleepUntil(deadlineMs + aimMs)
      if (connection !== undefined) await this.send([plan('aim')], connection)
      await connection?.send(command('UNWATCH'), 1)[0].catch(() => {})
      return
    }
    await sleepUntil(deadlineMs + aimMs)
    const type = key.slice(0, key.indexOf(':'))
    await this.send(CARRYING_TYPES.includes(type) ? [plan('touch'), plan('aim')] : [plan('aim')])
    if (type === 'stored') return
    for (const lookMs of LOOKS_MS) {
      if (this.stopped) return
      await sleepUntil(Math.max(nowMs(), deadlineMs) + lookMs)
      await this.send([plan('look')])
    }
  }

  private async connected(): Promise<Connection | undefined> {
    while (this.connection === undefined || this.connection.lost !== undefined) {
      if (this.stopped) return undefined
      try {
        const via = this.current()
        const connection = await Connection.open(via.port)
        const greeting = [['SELECT', String(this.db)], ...(this.proto === 3 ? [['HELLO', '3']] : [])]
        const timer = setTimeout(() => connection.close('no greeting'), PATIENCE_MS)
        const sent = connection.send(Buffer.concat(greeting.map((args) => command(...args))), greeting.length)
        const replies = await Promise.all(sent).finally(() => clearTimeout(timer))
        if (replies.some(({ type }) => type === '-')) connection.close('the greeting was refused')
        this.connection = connection
        this.via = via
      } catch {
        await sleep(RECONNECT_MS)
      }
    }
    return this.connection
  }

  /** The id of an entry that was delivered is known when it has been. */
  private withId(plan: Plan): Plan {
    if (!plan.args.includes(DELIVERED_ID)) return plan
    const id = this.delivered.get(plan.key) ?? '0-1'
    return { ...plan, args: plan.args.map((arg) => (arg === DELIVERED_ID ? id : arg)) }
  }

  private whyLost(error: ConnectionLostError, sinceMs: number): string {
    const closedByThem = error.message === 'the connection was closed'
    return closedByThem && this.via?.unharmedSince(sinceMs) ? DROPPED : error.message
  }
}

/** Which proxies an operation went by, for the history. */
export function viaOf({ port, group }: ProxyAddress): { readonly via: number; readonly at?: number } {
  return group === undefined ? { via: port } : { via: group, at: port }
}

/** Sleeps until `ms` as closely as can be: the last bit is waited for without sleeping. */
async function sleepUntil(ms: number): Promise<void> {
  const coarseMs = ms - nowMs() - 2
  if (coarseMs > 0) await sleep(coarseMs)
  while (nowMs() < ms) await new Promise((resolve) => setImmediate(resolve))
}
