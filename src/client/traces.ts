import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { type SentTrace, type Traced, tracing } from '../backend/tracing.js'
import { version } from '../base/version.js'
import { shownName } from '../command/table.js'
import type { Slot } from './slot.js'

const NAME = 'diminished-triad'
const MINUS = 0x2d
/** The code of an error is its first word, which is short. */
const CODE = /^-([A-Z]{2,32})[ \r]/

/** The name of what nobody knows: whoever sends it may make up any number of names. */
const UNKNOWN = '_OTHER'

/** Where the server of a member is. */
export type AddressOf = (member: string) => { readonly host: string; readonly port: number } | undefined

interface Asking {
  readonly address: string
  readonly session: { readonly db: number }
}

/**
 * Traces of commands through OpenTelemetry's API, with attributes by its conventions for databases: a span for each command of a
 * client, below it one for each that a member was sent. Whoever starts the proxy loads an SDK (`node --import`); without one, and
 * of commands that are not chosen, there is nothing.
 *
 *     SET (server) ┬─ SET (client) dt-1          RENAME (server)        gather RENAME ┬─ PEXPIRETIME (client) dt-1
 *                  ├─ SET (client) dt-2                   └── link ──────────┘        ├─ DUMP (client) dt-1
 *                  └─ SET (client) dt-3                                               └─ …
 */
export class Traces {
  private readonly tracer: Tracer | undefined

  /** @param sampleRatio the part of all commands that is traced, from 0 to 1 */
  constructor(
    private readonly sampleRatio: number,
    private readonly addressOf: AddressOf,
  ) {
    this.tracer = sampleRatio > 0 ? loadedTracer() : undefined
    if (this.tracer !== undefined) tracing.turnOn()
  }

  /** A command that is answered through this slot is served by `work`; only while tracing is on. */
  serve(client: Asking, name: string, slot: Slot, work: () => void): void {
    const span = this.begin(client, name)
    if (span === undefined) {
      work()
      return
    }
    const traced = new TracedCommand(this.tracer!, span, client.session.db, this.addressOf)
    slot.trace = traced
    tracing.during(traced, work)
  }

  /** The proxy has answered a command itself that began then, with `tracing.ownError` if that was an error. */
  served(client: Asking, name: string, beganMs: number): void {
    const { ownError } = tracing
    tracing.ownError = undefined
    const span = this.begin(client, name, performance.timeOrigin + beganMs)
    if (span === undefined) return
    if (ownError !== undefined) noteError(span, ownError, 0, ownError.length)
    span.end()
  }

  /** A command has been dealt with: if the proxy has refused it, that has a span as well. @param name undefined where nobody knows it */
  refused(client: Asking, name: string | undefined): void {
    if (tracing.ownError !== undefined) this.served(client, name ?? UNKNOWN, performance.now())
  }

  private begin({ address, session }: Asking, name: string, startTime?: number): Span | undefined {
    if (this.tracer === undefined || Math.random() >= this.sampleRatio) return undefined
    const operation = shownName(name)
    const attributes = { ...ofDatabase(operation, session.db), 'client.address': address }
    const started = startTime === undefined ? {} : { startTime }
    return this.tracer.startSpan(operation, { kind: SpanKind.SERVER, attributes, root: true, ...started }, ROOT_CONTEXT)
  }
}

/** One that is under way, or the work of bringing values together for one. */
class TracedCommand implements Traced {
  isOver = false
  private readonly works: TracedCommand[] = []

  constructor(
    private readonly tracer: Tracer,
    private readonly span: Span,
    private readonly db: number,
    private readonly addressOf: AddressOf,
  ) {}

  sent(member: string, operation: string): SentTrace {
    const { host, port } = this.addressOf(member) ?? {}
    const attributes: Attributes = { ...ofDatabase(operation, this.db), 'dt.member': member }
    if (host !== undefined) Object.assign(attributes, { 'server.address': host, 'server.port': port })
    const parent = trace.setSpan(ROOT_CONTEXT, this.span)
    const span = this.tracer.startSpan(operation, { kind: SpanKind.CLIENT, attributes }, parent)
    return {
      of: this,
      answered: (buf, start, end) => {
        if (buf[start] === MINUS) noteError(span, buf, start, end)
        span.end()
      },
      lost: () => {
        fail(span, 'connection lost')
        span.end()
      },
    }
  }

  gathers(name: string): Traced {
    const { tracer, span, db, addressOf } = this
    const operation = shownName(name)
    const attributes = ofDatabase(operation, db)
    const links = [{ context: span.spanContext() }]
    const work = tracer.startSpan(`gather ${operation}`, { attributes, links, root: true }, ROOT_CONTEXT)
    const traced = new TracedCommand(tracer, work, db, addressOf)
    this.works.push(traced)
    return traced
  }

  /** The client is answered so. */
  answered(buf: Buffer, start: number, end: number): void {
    if (buf[start] === MINUS) {
      for (const { span } of [this, ...this.works]) noteError(span, buf, start, end)
    }
    this.end()
  }

  private end(): void {
    this.isOver = true
    for (const work of this.works) work.end()
    this.span.end()
  }
}

/** The reply is an error. */
function noteError(span: Span, buf: Buffer, start: number, end: number): void {
  const code = CODE.exec(buf.latin1Slice(start, Math.min(end, start + 40)))?.[1] ?? 'ERR'
  fail(span, code)
  span.setAttribute('db.response.status_code', code)
}

function fail(span: Span, type: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR })
  span.setAttribute('error.type', type)
}

/** Never with keys or values. */
function ofDatabase(operation: string, db: number): Attributes {
  return { 'db.system.name': 'redis', 'db.operation.name': operation, 'db.namespace': String(db) }
}

/** That of the SDK that was loaded before; undefined when there is none. */
function loadedTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider() as TracerProvider & {
    getDelegateTracer?(name: string, version: string): Tracer | undefined
  }
  // By itself the API gives a provider that waits for an SDK.
  const { getDelegateTracer } = provider
  return getDelegateTracer === undefined
    ? provider.getTracer(NAME, version)
    : getDelegateTracer.call(provider, NAME, version)
}
