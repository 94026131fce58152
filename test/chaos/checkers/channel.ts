import type { Operation } from '../history.js'
import type { Violation } from './violation.js'

/** So long after its connection has ended a listener may be counted: as long as the proxy may not have noticed. */
const UNNOTICED_MS = 10_000

/** One time that somebody listened. */
interface Session {
  readonly operation: Operation
  readonly isShard: boolean
  readonly heard: readonly string[]
  /** From when on it may have been there, and from when to when it was. */
  readonly askedMs: number
  readonly fromMs: number
  readonly surelyMs: number
  readonly endedMs: number
}

type Found = Violation[] | undefined

/**
 * A channel, or the two of one name. Whoever listens gets each message once, in an order that is the same for all and that of those who
 * publish; none is missing that was published behind his confirmation and answered before a PING of his that was answered: what comes later he
 * may miss, because his connection ends. Each is told how many got it. And who hears of something and looks finds it.
 */
export function checkChannel(key: string, operations: readonly Operation[]): Violation[] {
  const published = new Map<string, Operation>()
  const said = new Map<number, Operation>()
  for (const operation of operations) {
    if (operation.name.endsWith('publish')) published.set(String(operation.args[0]), operation)
    else if (operation.name === 'say') said.set(operation.id, operation)
  }
  const sessions = operations.filter(({ name }) => name === 'listened').map(sessionOf)
  const found = (check: string, message: string, ...witness: Operation[]): Violation[] => [
    { check, key, message, witness },
  ]
  return (
    first(sessions, (session) => heardRightly(session, published, found)) ??
    first(sessions, (session) => missed(session, published, found)) ??
    first(sessions, (one, i) => first(sessions.slice(i + 1), (other) => inOtherOrder(one, other, published, found))) ??
    first([...published.values()], (publish) => countedWrongly(publish, sessions, found)) ??
    first(operations, (operation) => toldTooEarly(operation, published, said, found)) ??
    []
  )
}

type Tell = (check: string, message: string, ...witness: Operation[]) => Violation[]

function first<T>(all: readonly T[], look: (one: T, i: number) => Found): Found {
  for (const [i, one] of all.entries()) {
    const found = look(one, i)
    if (found !== undefined) return found
  }
  return undefined
}

function sessionOf(operation: Operation): Session {
  const { args, outcome, invokedMs, returnedMs } = operation
  const heard = outcome.kind === 'ok' ? (outcome.value as readonly string[]) : []
  const [word, askedMs, surelyMs] = args
  return {
    operation,
    isShard: word === 'SSUBSCRIBE',
    heard,
    askedMs: Number(askedMs),
    fromMs: invokedMs,
    surelyMs: Number(surelyMs),
    endedMs: returnedMs,
  }
}

function concerns({ isShard, operation }: Session, { name, via }: Operation): boolean {
  return isShard === (name === 'spublish') && operation.via === via
}

/** Each message once, of this channel, and in an order in which they may have been published. */
function heardRightly(session: Session, published: ReadonlyMap<string, Operation>, found: Tell): Found {
  const { heard, operation } = session
  const known = new Set<string>()
  const lastOf = new Map<number, Operation>()
  let latest: Operation | undefined
  for (const value of heard) {
    const publish = published.get(value)
    if (publish === undefined) return found('strange message', `${value} was never published there`, operation)
    if (session.isShard !== (publish.name === 'spublish'))
      return found('strange message', `${value} is of the other channel`, publish, operation)
    if (known.has(value)) return found('heard twice', value, publish, operation)
    known.add(value)
    const last = lastOf.get(publish.client)
    const isBehind = last !== undefined && last.id > publish.id && isSureOrder(last, publish)
    if (isBehind)
      return found('order of messages', `${value} came behind a later one of its client`, publish, last, operation)
    lastOf.set(publish.client, publish)
    if (latest !== undefined && publish.returnedMs < latest.invokedMs)
      return found(
        'order of messages',
        `${value} was answered before one that came before it`,
        publish,
        latest,
        operation,
      )
    if (latest === undefined || publish.invokedMs > latest.invokedMs) latest = publish
  }
  return undefined
}

/** Whether one was executed after the other for certain, when its client sent it after the other. */
function isSureOrder(one: Operation, other: Operation): boolean {
  return one.invokedMs === other.invokedMs || (one.outcome.kind === 'ok' && other.outcome.kind === 'ok')
}

function missed(session: Session, published: ReadonlyMap<string, Operation>, found: Tell): Found {
  const known = new Set(session.heard)
  for (const [value, publish] of published) {
    if (publish.outcome.kind !== 'ok' || !concerns(session, publish) || !isThere(session, publish)) continue
    if (!known.has(value)) return found('message lost', `${value} did not come`, publish, session.operation)
  }
  return undefined
}

/** Whether it listened all the time in which that was published. */
function isThere({ fromMs, surelyMs }: Session, { invokedMs, returnedMs }: Operation): boolean {
  return fromMs < invokedMs && returnedMs < surelyMs
}

/** Two that have heard the same have heard it in the same order. */
function inOtherOrder(one: Session, other: Session, published: ReadonlyMap<string, Operation>, found: Tell): Found {
  if (one.isShard !== other.isShard || one.askedMs > other.endedMs || other.askedMs > one.endedMs) return undefined
  const places = new Map(one.heard.map((value, i) => [value, i]))
  let last = -1
  for (const value of other.heard) {
    const at = places.get(value)
    if (at === undefined) continue
    if (at < last) {
      const witness = [published.get(value)!, published.get(one.heard[last])!, one.operation, other.operation]
      return found(
        'order of messages',
        `two have heard ${value} and ${one.heard[last]} in different orders`,
        ...witness,
      )
    }
    last = at
  }
  return undefined
}

/** As many as were there for certain, or may have been there. */
function countedWrongly(publish: Operation, sessions: readonly Session[], found: Tell): Found {
  const { outcome, invokedMs, returnedMs } = publish
  if (outcome.kind !== 'ok') return undefined
  const those = sessions.filter((session) => concerns(session, publish))
  const least = those.filter((session) => isThere(session, publish)).length
  const most = those.filter(({ askedMs, endedMs }) => askedMs < returnedMs && invokedMs < endedMs + UNNOTICED_MS).length
  const count = Number(outcome.value)
  if (count >= least && count <= most) return undefined
  return found('count', `${count} are said to have got it, and it was ${least} to ${most}`, publish)
}

/** What was said before it was announced is there for who has heard that. */
function toldTooEarly(
  told: Operation,
  published: ReadonlyMap<string, Operation>,
  said: ReadonlyMap<number, Operation>,
  found: Tell,
): Found {
  if (told.name !== 'told' || told.outcome.kind !== 'ok' || told.args.length < 2) return undefined
  const publish = published.get(String(told.args[1]))
  const say = publish?.after === undefined ? undefined : said.get(publish.after)
  if (say?.outcome.kind !== 'ok' || told.outcome.value === null) {
    const isMissing = say?.outcome.kind === 'ok' && told.outcome.kind === 'ok'
    return isMissing ? found('announced too early', 'nothing was there', say!, publish!, told) : undefined
  }
  const [seen, announced] = [told.outcome.value, say.args[0]].map((value) => Number(/\d+$/.exec(String(value))?.[0]))
  const writer = [...said.values()].find(({ args }) => args[0] === (told.outcome as { value: unknown }).value)
  // What nobody knows the outcome of may be done later than what its client did behind it.
  if (seen >= announced || writer?.outcome.kind !== 'ok') return undefined
  return found('announced too early', `who heard of it found ${String(told.outcome.value)}`, say, publish!, told)
}
