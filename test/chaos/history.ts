import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

/** A decoded reply: bulk and simple strings as text of one character a byte. */
export type Value = null | number | string | readonly Value[]

/** How an operation ended, as the client could know it. */
export type Outcome =
  | { readonly kind: 'ok'; readonly value: Value }
  /** It was answered that the command was not applied. */
  | { readonly kind: 'failed'; readonly error: string }
  /** Nobody told whether it was applied: it may take effect at any time from its invocation on, or never. */
  | { readonly kind: 'unknown'; readonly reason: string }

/** One operation on one key, as its client saw it. */
export interface Operation {
  readonly id: number
  readonly client: number
  /** Which model its key follows: `register`, `counter`, … */
  readonly workload: string
  /** Where it is and its name: `0/list:1:0`. Without a name the operation is one on all keys there. */
  readonly key: string
  /** In which database, where the key is in two. */
  readonly db?: number
  /** What is done, a name of the model, and with what. */
  readonly name: string
  readonly args: readonly (string | number)[]
  /**
   * When the command was given to the socket and when its reply was read, in ms since 1970 with a fraction, on a clock
   * that never jumps. Infinity when there was no reply.
   */
  readonly invokedMs: number
  readonly returnedMs: number
  readonly outcome: Outcome
  /** Of an unknown outcome: when it was known that no other answer comes. */
  readonly lostMs?: number
  /** The port of the proxy that was asked; of fronts and their owner one number, and the port in `at`. */
  readonly via?: number
  readonly at?: number
  /** The operation before it that was sent on the same connection without waiting for its reply. */
  readonly after?: number
}

/**
 * When `performance.now` was 0, in ms since 1970. `performance.timeOrigin` is two clocks that are read one after the other: what
 * else runs on the machine may come between them, and puts it off by ms. Here the time of day is read first, and cut to a
 * whole ms, so that each look is too early, and the latest of many is right.
 */
function originMs(): number {
  let latest = Number.NEGATIVE_INFINITY
  for (const untilMs = performance.now() + ORIGIN_LOOKS_MS; performance.now() < untilMs; ) {
    latest = Math.max(latest, Date.now() - performance.now())
  }
  return latest
}

const ORIGIN_LOOKS_MS = 5
const ORIGIN_MS = originMs()

/** Milliseconds since 1970, with a fraction, on a clock that never jumps while the process lives. */
export function nowMs(): number {
  return ORIGIN_MS + performance.now()
}

/** What a run did, beside its operations: the first line of a history file. */
export interface HistoryHeader {
  readonly seed: number
  readonly startedMs: number
  readonly [field: string]: unknown
}

/** Everything the clients did, in the order of the invocations once `operations` is asked for. */
export class History {
  private readonly list: Operation[] = []
  private lastId = 0
  unknown = 0
  failed = 0

  /** The id for an operation that is about to be invoked. */
  nextId(): number {
    return ++this.lastId
  }

  add(operation: Operation): void {
    if (operation.outcome.kind !== 'ok') this[operation.outcome.kind]++
    this.list.push(operation)
  }

  get size(): number {
    return this.list.length
  }

  operations(): Operation[] {
    return this.list.sort((a, b) => a.id - b.id)
  }
}

/** So many operations are written at once: a run of millions is longer than a string can be. */
const AT_ONCE = 10_000

/** Writes one JSON value a line, the header first: `npm run chaos -- --replay <file>` checks it again. */
export function writeHistory(file: string, header: HistoryHeader, operations: readonly Operation[]): void {
  const fd = openSync(file, 'w')
  try {
    writeSync(fd, `${JSON.stringify({ header })}\n`)
    for (let i = 0; i < operations.length; i += AT_ONCE) {
      // JSON has no Infinity: an operation without a reply has no return.
      const lines = operations.slice(i, i + AT_ONCE).map((operation) => JSON.stringify(operation))
      writeFully(fd, Buffer.from(`${lines.join('\n')}\n`))
    }
  } finally {
    closeSync(fd)
  }
}

function writeFully(fd: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written)
}

/** Reads what `writeHistory` wrote. */
export function readHistory(file: string): { header: HistoryHeader; operations: Operation[] } {
  const bytes = readFileSync(file)
  const operations: Operation[] = []
  let header: HistoryHeader | undefined
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf('\n', from)
    const value = JSON.parse(bytes.toString('utf8', from, end))
    from = end + 1
    if (header === undefined) header = value.header as HistoryHeader
    else operations.push({ ...value, returnedMs: value.returnedMs ?? Number.POSITIVE_INFINITY })
  }
  if (header === undefined) throw new Error(`${file} is empty`)
  return { header, operations }
}

/** The key of an operation on all keys of all databases. */
export const EVERYWHERE = '/'

/** Whether it is one on all keys of a database, or of all of them. */
export function isWide({ key }: Operation): boolean {
  return key.endsWith('/') && key.indexOf('/') === key.length - 1
}

/** The operations of each key, in the order of the invocations; those on all keys of a database belong to each of them. */
export function byKey(operations: readonly Operation[]): Map<string, Operation[]> {
  const keys = new Map<string, Operation[]>()
  for (const operation of operations) {
    const list = keys.get(operation.key)
    if (list === undefined) keys.set(operation.key, [operation])
    else list.push(operation)
  }
  for (const [place, wide] of [...keys].filter(([, [first]]) => isWide(first))) {
    keys.delete(place)
    for (const [key, ofKey] of keys) {
      if (place === EVERYWHERE || key.startsWith(place)) ofKey.push(...wide)
      ofKey.sort((a, b) => a.id - b.id)
    }
  }
  return keys
}

/** One line for people: who did what when, and how it ended. Times count from `originMs`. */
export function describe(operation: Operation, originMs: number): string {
  const { client, key, name, args, invokedMs, returnedMs, outcome } = operation
  const at = (ms: number) => (Number.isFinite(ms) ? `${((ms - originMs) / 1000).toFixed(4)}` : '…')
  const what = [name, ...args].join(' ')
  return `[${at(invokedMs)} – ${at(returnedMs)}] client ${client}: ${what} on ${/^[!-~]*$/.test(key) ? key : JSON.stringify(key)} → ${describeOutcome(outcome)}`
}

function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'ok':
      return short(JSON.stringify(outcome.value))
    case 'failed':
      return `not applied (${short(outcome.error)})`
    case 'unknown':
      return `unknown (${short(outcome.reason)})`
  }
}

function short(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 140)} … ${text.slice(-140)} (${text.length} characters)`
}
