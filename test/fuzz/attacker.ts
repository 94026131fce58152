import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { commandDocs } from '../conformance/command-docs.js'
import { RawClient } from '../helpers/raw-client.js'
import { OrdinaryClients, type Pace } from './ordinary.js'
import { Patience } from './patience.js'
import { ReplyCounter } from './reply-counter.js'
import { type Session, Sessions } from './sessions.js'

/*
 * The process that plays the sessions, so that what it costs to make them is not taken for the proxy's time. It is told
 * `go`, `rest` and `ordinary`, and tells what it does.
 */

export interface AttackOptions {
  readonly port: number
  readonly tlsPort: number
  readonly seed: number
  readonly clients: number
  /** The first session, and the one behind the last. */
  readonly first: number
  readonly end: number
}

/** What it is told: to attack, to do nothing, or to be ordinary clients at this pace. */
export type Word = 'go' | 'rest' | { readonly ordinary: Pace }

export type Told =
  | { readonly kind: 'began' | 'ended'; readonly session: number }
  | { readonly kind: 'counts'; readonly sessions: number; readonly bytes: number; readonly replies: number }
  | { readonly kind: 'fault'; readonly session: number; readonly fault: string }
  | { readonly kind: 'ordinary fault'; readonly fault: string }
  | { readonly kind: 'ready' | 'over' }

/** How long a reply, or the end of a connection, may be waited for. */
const PATIENCE_MS = 8000
/** Who says nothing more, and of whom it is not known how many replies there are, is left after so long. */
const LINGER_MS = 150

const options = JSON.parse(process.argv[2]) as AttackOptions
const counts = { sessions: 0, bytes: 0, replies: 0 }
const open = new Set<Socket>()
let going = false
/** How often they were told to go: who was told to rest meanwhile is not judged, its connection is gone. */
let round = 0
let wake: (() => void) | undefined
let next = options.first
let ordinary: OrdinaryClients | undefined

const tell = (told: Told) => process.send?.(told)

class Player {
  private readonly counter = new ReplyCounter()
  private isClosed = false
  private readonly round = round
  private broken: string | undefined

  private constructor(
    private readonly session: Session,
    private readonly socket: Socket,
  ) {
    open.add(socket)
    socket.on('error', () => {}) // That it is closed is what counts.
    socket.once('close', () => {
      this.isClosed = true
      open.delete(socket)
    })
    if (session.reads && session.door !== 'garbage') socket.on('data', (chunk: Buffer) => this.take(chunk))
    else if (session.reads) socket.resume()
    else socket.pause()
  }

  static async play(session: Session): Promise<string | undefined> {
    const where = {
      host: '127.0.0.1',
      port: session.door === 'plain' ? options.port : options.tlsPort,
      allowHalfOpen: true,
    }
    const socket = session.door === 'tls' ? connectTls({ ...where, rejectUnauthorized: false }) : connect(where)
    const player = new Player(session, socket)
    try {
      return await player.run()
    } finally {
      counts.replies += player.counter.replies
      socket.destroy()
    }
  }

  /** What was wrong with what came back, if anything was. */
  private async run(): Promise<string | undefined> {
    const { session, socket } = this
    for (const { bytes, pauseMs } of session.chunks) {
      if (this.isClosed || !this.isPlayed) break
      socket.write(bytes)
      counts.bytes += bytes.length
      if (pauseMs > 0) await sleep(pauseMs)
    }
    if (session.end === 'breaks off') return this.broken
    if (session.end === 'half-closes') socket.end()
    await this.settle()
    return this.broken ?? (this.isPlayed ? this.missing() : undefined)
  }

  /** It was not broken off because all were told to rest. */
  private get isPlayed(): boolean {
    return going && this.round === round
  }

  private async settle(): Promise<void> {
    const { replies, reads, end } = this.session
    const isSure = replies !== undefined && reads
    const isDone = () => {
      if (this.isClosed || !this.isPlayed || this.broken !== undefined) return true
      return end === 'waits' && isSure && this.counter.replies >= replies
    }
    const patienceMs = isSure || (end === 'half-closes' && reads) ? PATIENCE_MS : LINGER_MS
    const patience = new Patience(patienceMs)
    while (!isDone() && !patience.isOver) await sleep(5)
  }

  private missing(): string | undefined {
    const { session, counter } = this
    const { replies, reads, end } = session
    if (!reads) return undefined
    if (end === 'half-closes' && !this.isClosed) return `it is not closed within ${PATIENCE_MS} ms after its end`
    if (replies !== undefined && counter.replies !== replies) return `${counter.replies} replies to ${replies} commands`
    if (replies !== undefined && counter.rest > 0) return `${counter.rest} bytes behind the last reply`
    return undefined
  }

  private take(chunk: Buffer): void {
    if (this.broken !== undefined) return
    try {
      this.counter.take(chunk)
    } catch (failure) {
      this.broken = (failure as Error).message
    }
  }
}

async function client(sessions: Sessions): Promise<void> {
  for (;;) {
    while (!going) await new Promise<void>((resolve) => waiting.push(resolve))
    if (next >= options.end) return
    const session = sessions.get(next++)
    tell({ kind: 'began', session: session.number })
    const fault = await Player.play(session)
    if (fault !== undefined)
      tell({ kind: 'fault', session: session.number, fault: `${session.kind}, ${session.door}: ${fault}` })
    tell({ kind: 'ended', session: session.number })
    counts.sessions++
    await sleep(2)
  }
}

const waiting: (() => void)[] = []
wake = () => {
  for (const resolve of waiting.splice(0)) resolve()
}
process.on('message', (word: Word) => {
  going = word === 'go'
  if (typeof word === 'object') {
    const { port, tlsPort, clients } = options
    const failed = ({ message }: Error) => tell({ kind: 'ordinary fault', fault: message })
    ordinary ??= new OrdinaryClients(port, tlsPort, clients, failed)
    ordinary.pace = word.ordinary
  } else {
    ordinary?.end()
    ordinary = undefined
  }
  if (going) round++
  if (going) wake?.()
  else for (const socket of open) socket.destroy()
})
process.once('disconnect', () => process.exit())
const asker = await RawClient.connect(options.port, 3)
await asker.ask('AUTH', 'all', 'secret')
const sessions = new Sessions(await commandDocs(asker), options.seed)
asker.close()
setInterval(() => tell({ kind: 'counts', ...counts }), 200)
tell({ kind: 'ready' })
await Promise.all(Array.from({ length: options.clients }, () => client(sessions)))
tell({ kind: 'counts', ...counts })
tell({ kind: 'over' })
