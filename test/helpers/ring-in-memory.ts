import type { RunSink } from '../../src/backend/block.js'
import { decodedReply, LinkLostError } from '../../src/backend/decoded-reply.js'
import { Expirations } from '../../src/backend/expirations.js'
import { ExpiryPushes } from '../../src/backend/expiry-pushes.js'
import type { Link } from '../../src/backend/link.js'
import type { LinkState } from '../../src/backend/link-state.js'
import type { Links } from '../../src/backend/links.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { RunningScripts } from '../../src/backend/running-scripts.js'
import { Tracking } from '../../src/backend/tracking.js'
import { silentLogger } from '../../src/base/log.js'
import { lookupCommand } from '../../src/command/table.js'
import { Coordinator } from '../../src/coordinator/coordinator.js'
import type { Order } from '../../src/order/order.js'
import { places, type ReplySlot, type Wait } from '../../src/order/reply-slot.js'
import type { Reply } from '../../src/resp/encode.js'
import { type Frame, frameIn, frameOf } from '../../src/resp/frame.js'
import { IS_ERROR } from '../../src/resp/reply-framer.js'
import { parseRequest } from '../../src/resp/request-parser.js'
import { PlainCommands } from '../../src/serving/transaction/plain.js'
import { QueuedFrames } from '../../src/serving/transaction/queued-frames.js'
import { Watched } from '../../src/serving/transaction/watched.js'
import { buildView } from '../../src/view/build-view.js'
import { ViewStore } from '../../src/view/view-store.js'
import { COORDINATOR_OPTIONS } from './coordinator-options.js'
import type { Teardown } from './proxy.js'

interface Unanswered {
  readonly text: string
  readonly buf: Buffer
  readonly sink: ReplySink
  readonly tag: number
}

/** A link on which nothing is answered before a test says so. */
export class LinkInMemory {
  ready = true
  serving = true
  full = false
  info = undefined
  state: LinkState = { kind: 'connecting' }
  clockOffsetMs = 0
  lastReceivedMs = 0
  sweeps = 0
  readonly expirations = new Expirations(() => ({ pushed: this.taken + this.unanswered.length, taken: this.taken }))
  readonly expiryPushes = new ExpiryPushes(this.expirations)
  readonly tracking = new Tracking()
  readonly owed = { forMs: 0 }
  readonly scripts = new RunningScripts(() => this.info)
  ofRun: Buffer | undefined
  /** How often the proxy has given it up. */
  resets = 0
  private answered: Buffer = Buffer.alloc(0)
  private unanswered: Unanswered[] = []
  private taken = 0

  constructor(readonly name: string) {}

  get asLink(): Link {
    return this as unknown as Link
  }

  /** It says that a key has changed. */
  tells(key: string): void {
    this.tracking.onChanged(Buffer.from(key))
  }

  get answering(): Buffer {
    return this.ofRun ?? this.answered
  }

  get outstanding(): number {
    return this.unanswered.length
  }

  /** The commands that are not answered. */
  get asked(): string[] {
    return this.unanswered.map(({ text }) => text)
  }

  emit(from: Buffer, start: number, end: number, _owned: boolean, _db: number, sink: ReplySink, tag: number): void {
    const buf = Buffer.from(from.subarray(start, end))
    this.unanswered.push({ text: parseRequest(frameIn(buf)).map(String).join(' '), buf, sink, tag })
  }

  /** Each of the commands is answered by itself, and all of them are told of together. */
  emitRun(buf: Buffer, start: number, _end: number, db: number, sink: RunSink, tag: number, count: number): void {
    const replies: Buffer[] = []
    let allFlags = 0
    let lost = 0
    const one: ReplySink = {
      onReply: (_tag, from, first, end, flags) => {
        allFlags |= flags
        replies.push(Buffer.from(from.subarray(first, end)))
        const all = Buffer.concat(replies)
        if (replies.length === count) sink.onRun(tag, all, 0, all.length, allFlags)
      },
      onLost: () => {
        if (lost++ === 0) sink.onLost(tag, buf, start, start)
      },
      onStuck: () => {
        if (lost++ === 0) sink.onStuck?.(tag, buf, start, start)
      },
    }
    for (let i = 0, at = start; i < count; i++) {
      const { end } = frameIn(buf, at)
      this.emit(buf, at, end, false, db, one, i)
      at = end
    }
  }

  emitFrame({ buf, start, end, owned }: Frame, db: number, sink: ReplySink, tag: number): void {
    this.emit(buf, start, end, owned, db, sink, tag)
  }

  /** How much memory it has it does not say. */
  call(args: readonly string[]): Promise<Reply> {
    if (args[0] === 'INFO') return Promise.reject(new LinkLostError(this.name, false))
    return decodedReply(this.name, (sink) => this.emitFrame(frameOf(args), 0, sink, 0))
  }

  /** All is said in one database. */
  enter(): void {}

  /** What stands between MULTI and EXEC is answered there and then. */
  openBlock(): () => void {
    const ignored = { onReply: () => {}, onLost: () => {} }
    this.emitFrame(frameOf(['MULTI']), 0, ignored, 0)
    return () => this.emitFrame(frameOf(['EXEC']), 0, ignored, 0)
  }

  /** The first commands that are not answered are, with these replies. */
  answers(...replies: readonly string[]): this {
    for (const reply of replies) {
      const { buf, sink, tag } = this.unanswered.shift()!
      this.taken++
      this.answered = buf
      const bytes = Buffer.from(`${reply}\r\n`)
      sink.onReply(tag, bytes, 0, bytes.length, reply.startsWith('-') ? IS_ERROR : 0)
    }
    return this
  }

  /** It is to be made anew. That the connection breaks is for a test to say. */
  reset(): void {
    this.resets++
  }

  /** Nothing more comes from it; `isSilent`: it has said nothing since it was asked the first of what it has not answered. */
  loses(isSilent: boolean): void {
    Object.assign(this, { ready: false, serving: false })
    this.state = { kind: 'waiting', reason: 'a test wants that', sinceMs: performance.now() }
    let isBlock = false
    for (const [i, { text, buf, sink, tag }] of this.unanswered.splice(0).entries()) {
      this.taken++
      if (i === 0) isBlock = text === 'MULTI'
      // Any command of a transaction may be why.
      if (isSilent && (i === 0 || isBlock) && sink.onStuck !== undefined) sink.onStuck(tag, buf, 0, buf.length)
      else sink.onLost(tag, buf, 0, buf.length)
      isBlock &&= text !== 'EXEC'
    }
  }
}

export interface ClientInMemory {
  readonly heard: string[]
  send(command: string): void
  exec(...commands: readonly string[]): void
  /** The same, but nothing is known of the commands together. */
  execOneByOne(...commands: readonly string[]): void
  watch(...keys: readonly string[]): void
  leaves(): void
  /** Nobody sees any more what it is answered. */
  disconnects(): void
  /** Something failed inside the proxy on the way to an answer; it throws, unless a test says otherwise. */
  fails: (failure: Error, isWrite: boolean) => void
  /** What it waits for that may never come, as it said last. */
  readonly waits: { readonly at: Wait | undefined }
}

/** The data path over links in memory; each key is on all members. */
export class RingInMemory {
  readonly order: Order
  /** The replicas of the key `k`, its master first. */
  readonly replicas: readonly LinkInMemory[]
  readonly views: ViewStore
  readonly coordinator: Coordinator

  /** @param backups of each key */
  constructor(
    t: Teardown,
    names = ['dt-1', 'dt-2', 'dt-3'],
    private readonly backups = 2,
  ) {
    this.views = new ViewStore(buildView('dt', 1, backups, 4, []))
    const byName = new Map(names.map((name) => [name, new LinkInMemory(name)]))
    const links = { get: (name: string) => byName.get(name), all: () => [...byName.values()] } as unknown as Links
    this.coordinator = new Coordinator(this.views, links, silentLogger(), COORDINATOR_OPTIONS)
    this.order = this.coordinator.order
    t.teardown(() => this.order.close())
    this.order.opening.open()
    this.becomes(...names)
    this.isNoted()
    const { targets } = this.order.router.routeOfKey(Buffer.from('k'), 0, 1)
    this.replicas = targets.map(({ name }) => byName.get(name)!)
    for (const link of byName.values()) link.tracking.onChanged = (key) => this.order.watches.changed(link.asLink, key)
    // What is small is known.
    Object.assign(this.order.pieces, { wasSmall: () => true })
  }

  /** A view of these members is published. */
  becomes(...names: readonly string[]): void {
    const members = names.map((name) => ({ name, host: 'memory', port: 1, state: 'up' as const }))
    this.views.publish(buildView('dt', this.views.current.epoch + 1, this.backups, 4, members))
  }

  /** Its members have noted it. */
  isNoted(): void {
    this.order.acknowledgement.markerAnswered(this.views.current.epoch)
  }

  /** The connection to a member breaks. */
  breaks(link: LinkInMemory, isSilent = false): void {
    link.loses(isSilent)
    this.order.linkDown(link as unknown as Link)
  }

  /** It is there again. */
  returns(link: LinkInMemory): void {
    link.ready = true
    this.order.owedSweeps.linkUp(link as unknown as Link)
    this.order.linkUp(link as unknown as Link)
  }

  /**
   * A client, which says what it is answered to its commands, in the order of the answers.
   *
   * @param isInOrder whether what waits for the answers to what it has sent before does so
   */
  client(isInOrder = false): ClientInMemory {
    const heard: string[] = []
    const client = {}
    let newest = 0
    let newestWrite = 0
    let watched: Watched | undefined
    let isGone = false
    const waits: { at: Wait | undefined } = { at: undefined }
    /** The numbers of the commands that are not answered, and who waits to be the first of them. */
    const open = new Set<number>()
    const waiting = new Map<number, () => void>()
    const isFirst = (number: number) => !isInOrder || [...open].every((each) => each >= number)
    const answered = (number: number) => {
      open.delete(number)
      for (const [each, go] of waiting) if (isFirst(each) && waiting.delete(each)) go()
    }
    const slotOf = (command: string, isWrite: boolean): ReplySlot => {
      const number = ++places.taken
      newest = number
      if (isWrite) newestWrite = number
      open.add(number)
      return {
        proto: 3,
        db: 0,
        client,
        number,
        get newest() {
          return newest
        },
        get newestWrite() {
          return newestWrite
        },
        get abandoned() {
          return isGone
        },
        pauseClient: () => {},
        waits: (wait) => {
          waits.at = wait
        },
        whenFirst: async () => {
          if (!isFirst(number)) await new Promise<void>((go) => waiting.set(number, go))
        },
        fail: (failure, isWrite) => own.fails(failure, isWrite),
        finish: (buf, start, end) => {
          heard.push(`${command}: ${buf.toString('latin1', start, end).trim()}`)
          answered(number)
        },
      }
    }
    const parsed = (command: string) => {
      const frame = frameOf(command.split(' '))
      return { frame, row: lookupCommand(frame.buf, frame.argStart[0], frame.argEnd[0])! }
    }
    const send = (command: string) => {
      const { frame, row } = parsed(command)
      this.coordinator.submit(frame, row, slotOf(command, row.replicate !== 'none'))
    }
    const execute = (commands: readonly string[], mayBePlain: boolean) => {
      const queued = commands.map((command) => ({ ...parsed(command), db: 0, proto: 3 as const, reply: undefined }))
      const isWrite = queued.some(({ row }) => row.replicate !== 'none')
      const frames = new QueuedFrames()
      for (const { frame, row } of queued) frames.push(frame, row)
      this.coordinator.transact(
        mayBePlain && frames.isPlain ? new PlainCommands(frames, 0, 3) : queued,
        slotOf('EXEC', isWrite),
        watched,
        () => {},
      )
    }
    const watch = (...keys: readonly string[]) => {
      watched = new Watched(this.order)
      const bytes = keys.map((key) => Buffer.from(key))
      this.coordinator.watch(bytes, watched, slotOf('WATCH', false))
    }
    const disconnects = () => {
      isGone = true
    }
    const exec = (...commands: readonly string[]) => execute(commands, true)
    const execOneByOne = (...commands: readonly string[]) => execute(commands, false)
    const fails = (failure: Error): void => {
      throw failure
    }
    const own: ClientInMemory = {
      ...{ heard, send, exec, execOneByOne, watch, leaves: () => watched?.end(), disconnects, waits, fails },
    }
    return own
  }
}
