import { BEGIN, Block, END, EXEC, MULTI, type RunSink } from '../../src/backend/block.js'
import { Expirations } from '../../src/backend/expirations.js'
import { ExpiryPushes } from '../../src/backend/expiry-pushes.js'
import type { ServerInfo } from '../../src/backend/handshake.js'
import { InFlight } from '../../src/backend/in-flight.js'
import { ANY_DB, Link } from '../../src/backend/link.js'
import type { LinkListener, LinkOptions } from '../../src/backend/link-options.js'
import { Links } from '../../src/backend/links.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { Segment, SendLog } from '../../src/backend/send-log.js'
import { kindOf } from '../../src/backend/server-kind.js'
import { silentLogger } from '../../src/base/log.js'
import { Turn } from '../../src/base/turn.js'
import { frameIn } from '../../src/resp/frame.js'
import { HAS_RESP3, IS_ERROR } from '../../src/resp/reply-framer.js'
import { Connection, DATABASES, type Server } from './server.js'

const OPTIONS: LinkOptions = {
  connectTimeoutMs: 1000,
  reconnectMinMs: 1,
  reconnectMaxMs: 1000,
  pingIntervalMs: 1000,
  ringId: 'simulated',
  runId: 'simulated',
}
const turn = new Turn()
const log = silentLogger()

/** Replies are handed over in one buffer, which holds something else as soon as the call is over. */
const handed = Buffer.alloc(64 * 1024)
const GARBAGE = 0x23

/** Where the commands of blocks lie, and which of them is being answered. */
const places = new InFlight()
const segments = new SendLog()

interface Unanswered {
  readonly sink: ReplySink
  readonly tag: number
  readonly bytes: Buffer
}

/**
 * A link whose server is in the same process: what is emitted lies in a connection until the run lets the server execute
 * it, and what the server has written until the run lets it be read.
 */
export class SimulatedLink extends Link {
  override readonly expirations: Expirations = new Expirations(() => this.traffic)
  override readonly expiryPushes: ExpiryPushes = new ExpiryPushes(this.expirations)
  connection: Connection | undefined
  isClosed = false
  private readonly traffic = { pushed: 0, taken: 0 }
  private unanswered: Unanswered[] = []
  private answered: Buffer = Buffer.alloc(0)
  /** The one to which what is emitted belongs, and whether the one that was answered last is being taken apart. */
  private opened: Block | undefined
  private isInBlock = false

  constructor(
    readonly server: Server,
    private readonly hearer: LinkListener<Link>,
  ) {
    super(server.name, 'memory', 1, OPTIONS, turn, log, hearer)
  }

  override get outstanding(): number {
    return this.unanswered.length
  }

  override get answering(): Buffer {
    if (this.ofRun !== undefined) return this.ofRun
    return this.isInBlock ? places.segment.buf.subarray(places.start, places.end) : this.answered
  }

  override start(): void {
    this.state = { kind: 'connecting' }
  }

  /** The handshake, in one moment: what older connections bring after it is not executed. */
  connect(): void {
    const { server } = this
    this.connection = new Connection()
    server.accept(this.connection)
    const clock = server.clockOffsetMs
    const info: ServerInfo = {
      runId: server.runId,
      kind: kindOf(`redis_version:${server.pushesFollow ? '7.2.0' : '7.0.15'}`, null),
      pushesFollowReplies: server.pushesFollow,
      keys: 0,
      databases: DATABASES,
      maxBulkBytes: 512 * 1024 * 1024,
      clientId: 1,
      clockOffsetMs: clock,
      marks: [],
      settings: new Map(),
    }
    this.info = info
    this.clockOffsetMs = clock
    this.state = { kind: 'ready', info }
    this.expiryPushes.reset()
    this.ready = true
    this.hearer.onUp(this, info)
  }

  override emit(
    buf: Buffer,
    start: number,
    end: number,
    _owned: boolean,
    db: number,
    sink: ReplySink,
    tag: number,
  ): void {
    const { connection } = this
    if (connection === undefined) throw new Error(`something is emitted on the link of ${this.name}, which is down`)
    const bytes = Buffer.from(buf.subarray(start, end))
    const { opened } = this
    opened?.add(sink, tag, segmentOf(bytes), 0, bytes.length)
    this.put(bytes, opened === undefined ? sink : queuedIn(opened), tag, db)
  }

  override emitRun(
    buf: Buffer,
    start: number,
    end: number,
    db: number,
    sink: RunSink,
    tag: number,
    count: number,
  ): void {
    const { opened } = this
    if (opened === undefined) throw new Error('a run of commands is emitted, and no block is open')
    const bytes = Buffer.from(buf.subarray(start, end))
    opened.addRun(sink, tag, segmentOf(bytes), 0, bytes.length, count)
    for (let at = 0, i = 0; i < count; i++) {
      const frame = frameIn(bytes.subarray(at))
      this.put(bytes.subarray(at, at + frame.end), queuedIn(opened), tag, db)
      at += frame.end
    }
  }

  /** [src/backend/link.ts] The database is that of each command here. */
  override openBlock(): () => void {
    const block = new Block(this, places, segments)
    this.emitFrame(MULTI, ANY_DB, block, BEGIN)
    this.opened = block
    return () => {
      this.opened = undefined
      this.emitFrame(EXEC, ANY_DB, block, END)
    }
  }

  override blockBegun(): void {}

  private put(bytes: Buffer, sink: ReplySink, tag: number, db: number): void {
    const { argc, argStart, argEnd } = frameIn(bytes)
    const args = Array.from({ length: argc }, (_, i) => bytes.latin1Slice(argStart[i], argEnd[i]))
    // Nothing is parked on these servers: who looks for it when a link comes up waits for no answer, and takes no turn of others.
    if (args[0] === 'EVAL' && args[2] === '1') return
    this.unanswered.push({ sink, tag, bytes })
    this.traffic.pushed++
    this.connection!.commands.push({ args, db: Math.max(0, db) })
  }

  /** Lets the proxy read so much of what the server has written, at once; gives how much it was. */
  read(count: number): number {
    const { connection } = this
    const chunk = connection?.written.splice(0, count) ?? []
    const { pushesFollow } = this.server
    if (chunk.length > 0) this.lastReceivedMs = performance.now()
    for (let i = 0; i < chunk.length && this.connection === connection; i++) {
      const written = chunk[i]
      if (written.kind === 'push') {
        this.push(written.db, written.key, 'alone')
        continue
      }
      if (pushesFollow) {
        // Those that are there already are handed over first.
        for (let next = chunk[i + 1]; next?.kind === 'push'; next = chunk[++i + 1])
          this.push(next.db, next.key, 'behind')
      }
      const { sink, tag, bytes } = this.unanswered.shift()!
      this.traffic.taken++
      this.answered = bytes
      if (pushesFollow && i + 1 === chunk.length) this.expiryPushes.answered(bytes, 0, bytes.length)
      this.isInBlock = sink instanceof Block && tag === END
      handOver(sink, tag, written.text)
      this.isInBlock = false
    }
    return chunk.length
  }

  /** The connection breaks; of what the server has not executed, this much is still on its way to it. */
  break(reason: string, arrives: number): void {
    const { connection, unanswered } = this
    if (connection === undefined) return
    this.connection = undefined
    this.ready = false
    this.serving = false
    this.state = { kind: 'waiting', reason, sinceMs: performance.now() }
    connection.commands.length = Math.min(arrives, connection.commands.length)
    this.unanswered = []
    for (const { sink, tag, bytes } of unanswered) {
      this.traffic.taken++
      sink.onLost(tag, bytes, 0, bytes.length)
    }
    this.opened?.onLost(END)
    this.opened = undefined
    this.hearer.onDown(this, reason)
  }

  override reset(reason: string): void {
    this.break(reason, Number.POSITIVE_INFINITY)
  }

  override close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.break('the proxy closed the link', Number.POSITIVE_INFINITY)
    this.state = { kind: 'closed' }
  }

  private push(db: number, key: string, place: 'behind' | 'alone'): void {
    const channel = `__keyevent@${db}__:expired`
    const text = `>4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$${channel.length}\r\n${channel}\r\n$${key.length}\r\n${key}\r\n`
    const bytes = Buffer.from(text, 'latin1')
    this.onPush(bytes, 0, bytes.length, place)
  }
}

function segmentOf(bytes: Buffer): Segment {
  const segment = new Segment(bytes, false)
  segment.unanswered = 1
  return segment
}

/** Hears what a server says to a command of a block. */
function queuedIn(block: Block): ReplySink {
  return {
    onReply: (_tag, buf, start, end, flags) => block.onQueued(buf, start, end, flags),
    onLost: () => {},
  }
}

function handOver(sink: ReplySink, tag: number, text: string): void {
  const buf = text.length <= handed.length ? handed : Buffer.alloc(text.length)
  buf.latin1Write(text, 0)
  const isResp3 = text.startsWith('_') || text.includes('\n_') || /^[%~=]/.test(text)
  const flags = (text.startsWith('-') ? IS_ERROR : 0) | (isResp3 ? HAS_RESP3 : 0)
  sink.onReply(tag, buf, 0, text.length, flags)
  buf.fill(GARBAGE, 0, text.length)
}

/** The links of a simulated proxy: those of the proxy itself, to servers in memory. */
export class SimulatedLinks extends Links {
  constructor(
    private readonly servers: ReadonlyMap<string, Server>,
    private readonly hearer: LinkListener<Link>,
  ) {
    super(OPTIONS, turn, log, hearer)
  }

  /** The present link to a server. */
  to(server: Server): SimulatedLink | undefined {
    const link = this.get(server.name)
    return link instanceof SimulatedLink ? link : undefined
  }

  override idle(member: { readonly name: string }): SimulatedLink {
    const server = this.servers.get(member.name)
    if (server === undefined) throw new Error(`there is no server ${member.name}`)
    return new SimulatedLink(server, this.hearer)
  }
}
