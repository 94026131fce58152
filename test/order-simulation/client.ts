import { lookupCommand } from '../../src/command/table.js'
import type { Coordinator } from '../../src/coordinator/coordinator.js'
import { places, type ReplySlot } from '../../src/order/reply-slot.js'
import { type Frame, frameOf } from '../../src/resp/frame.js'
import { PlainCommands } from '../../src/serving/transaction/plain.js'
import { QueuedFrames } from '../../src/serving/transaction/queued-frames.js'
import type { Outcome } from '../chaos/history.js'
import type { VirtualTime } from './virtual-time.js'

export type Commands = readonly (readonly string[])[]

/** What a command does to the keys of one tag. */
export interface Part {
  readonly tag: string
  readonly args: readonly string[]
  /** Of EXEC: what stands before it, and is executed. */
  readonly commands?: Commands
  /** Which elements of the reply are its own; undefined when the whole reply is. */
  readonly elements?: readonly number[]
  /** The reply is a sum over all parts, and says nothing of this one. */
  readonly isSummed?: boolean
}

/** A command as a client sends it. */
export interface ClientCommand {
  readonly args: readonly string[]
  readonly commands?: Commands
  readonly db: number
  readonly parts: readonly Part[]
}

/** A command in words. */
export function textOf({ args, commands }: Pick<ClientCommand, 'args' | 'commands'>): string {
  return [...(commands === undefined ? [] : [['MULTI'], ...commands]), args].map((each) => each.join(' ')).join('; ')
}

/** A part of a command, as its client saw it. */
export interface PartOperation {
  readonly id: number
  readonly client: number
  readonly db: number
  readonly part: Part
  /** In the order of all that clients did and heard. */
  readonly invoked: number
  readonly returned: number
  /** By the proxy's clock. */
  readonly invokedMs: number
  readonly returnedMs: number
  readonly outcome: Outcome
  readonly after?: number
}

/** What clients did and heard in a run. */
export class Story {
  readonly operations: PartOperation[] = []
  private moments = 0
  private ids = 0

  moment(): number {
    return ++this.moments
  }

  nextId(): number {
    return ++this.ids
  }
}

/** What the parser leaves in its buffer when the next command comes. */
const GARBAGE = 0x25

/** A client's connection: commands in a pipeline, of which the next one waits as long as the proxy wants it to. */
export class Client {
  outstanding = 0
  /** Commands that the proxy wants to be answered before it handles the next one. */
  private pausing = 0
  private last: number | undefined
  private newest = 0
  private newestWrite = 0
  /** What is to be told when each command is answered, undefined while it is not; replies go out in the order of the commands. */
  private readonly answers: { tell: (() => void) | undefined; first?: () => void }[] = []

  constructor(
    readonly number: number,
    private readonly time: VirtualTime,
    private readonly story: Story,
    /** Whether what is not known of a transaction is so of all keys of a tag alike. */
    private readonly isWholeByTag: boolean,
    private readonly heard: (client: Client, command: ClientCommand, reply: string) => void,
  ) {}

  get isPaused(): boolean {
    return this.pausing > 0
  }

  send(coordinator: Coordinator, command: ClientCommand): void {
    if (command.commands !== undefined) {
      this.execute(coordinator, command, command.commands)
      return
    }
    const frame = lentFrame(command.args)
    const row = lookupCommand(frame.buf, frame.argStart[0], frame.argEnd[0])
    if (row === undefined) throw new Error(`there is no command ${command.args[0]}`)
    this.outstanding++
    coordinator.submit(frame, row, this.slotFor(command, row.replicate === 'none'))
    frame.buf.fill(GARBAGE)
  }

  /** What stands between MULTI and EXEC [src/client/transaction.ts]. */
  private execute(coordinator: Coordinator, command: ClientCommand, commands: Commands): void {
    const queued = new QueuedFrames()
    for (const args of commands) {
      const frame = lentFrame(args)
      queued.push(frame, lookupCommand(frame.buf, frame.argStart[0], frame.argEnd[0])!)
      frame.buf.fill(GARBAGE)
    }
    this.outstanding++
    const slot = this.slotFor(command, !queued.hasWrites)
    const { db } = command
    const list = () => [...queued].map(({ frame, row }) => ({ frame, row, db, proto: 3 as const, reply: undefined }))
    coordinator.transact(queued.isPlain ? new PlainCommands(queued, db, 3) : list(), slot, undefined, () => {})
  }

  private slotFor(command: ClientCommand, isRead: boolean): ReplySlot {
    const { story, time } = this
    const ids = command.parts.map(() => story.nextId())
    const after = this.outstanding > 1 ? this.last : undefined
    this.last = ids[0]
    const invoked = story.moment()
    const invokedMs = time.wallMs
    let pauses = 0
    let finished = false
    const answer: (typeof this.answers)[number] = { tell: undefined }
    this.answers.push(answer)
    const number = ++places.taken
    this.newest = number
    if (!isRead) this.newestWrite = number
    const newest = () => this.newest
    const newestWrite = () => this.newestWrite
    return {
      proto: 3,
      db: command.db,
      client: this,
      number,
      get newest() {
        return newest()
      },
      get newestWrite() {
        return newestWrite()
      },
      abandoned: false,
      pauseClient: () => {
        pauses++
        this.pausing++
      },
      whenFirst: async () => {
        if (this.answers[0] !== answer) await new Promise<void>((go) => Object.assign(answer, { first: go }))
      },
      fail: (failure) => {
        throw failure
      },
      finish: (buf, start, end) => {
        if (finished) throw new Error(`${textOf(command)} was answered twice`)
        finished = true
        this.outstanding--
        this.pausing -= pauses
        const reply = buf.latin1Slice(start, end)
        this.heard(this, command, reply)
        answer.tell = () => {
          const returned = story.moment()
          for (const [i, part] of command.parts.entries()) {
            const outcome = outcomeOf(part, reply, isRead)
            for (const [k, known] of (outcome.kind === 'unknown'
              ? keyByKey(part, this.isWholeByTag)
              : [part]
            ).entries()) {
              story.operations.push({
                id: k === 0 ? ids[i] : story.nextId(),
                client: this.number,
                db: command.db,
                part: known,
                invoked,
                returned,
                invokedMs,
                returnedMs: time.wallMs,
                outcome,
                ...(after === undefined ? {} : { after }),
              })
            }
          }
        }
        while (this.answers[0]?.tell !== undefined) this.answers.shift()!.tell!()
        this.answers[0]?.first?.()
      },
    }
  }
}

/** A frame as the request framer gives it: the bytes belong to the next command as soon as this one was handled. */
function lentFrame(args: readonly string[]): Frame {
  return { ...frameOf(args.map((arg) => Buffer.from(arg, 'latin1'))), owned: false }
}

/**
 * What is not known of a command that sets or deletes several keys is not known of each of them [design §7 Several keys]; and what
 * is not known of EXEC is not known of the keys of each tag, or of each command.
 */
function keyByKey(part: Part, isWholeByTag: boolean): Part[] {
  if (part.commands !== undefined) {
    if (isWholeByTag) return tagByTag(part, part.commands)
    return part.commands.flatMap((args) => keyByKey({ tag: part.tag, args }, false))
  }
  const [name, ...words] = part.args
  const size = WORDS_PER_KEY[name]
  if (size === undefined) return [part]
  const keys = Array.from({ length: words.length / size }, (_, i) => words.slice(i * size, (i + 1) * size))
  // Where MSETNX finds that no key is there it sets them as MSET does.
  return keys.map((own) => ({ tag: part.tag, args: [name === 'MSETNX' ? 'MSET' : name, ...own] }))
}

function tagByTag({ tag, args }: Part, commands: Commands): Part[] {
  const byTag = new Map<string, (readonly string[])[]>()
  for (const [name, ...words] of commands) {
    const size = WORDS_PER_KEY[name] ?? (name === 'MGET' || name === 'EXISTS' ? 1 : words.length)
    const own = new Map<string, string[]>()
    for (let i = 0; i < words.length; i += size) {
      const of = words[i].slice(0, words[i].indexOf('}'))
      own.set(of, [...(own.get(of) ?? []), ...words.slice(i, i + size)])
    }
    for (const [of, some] of own) byTag.set(of, [...(byTag.get(of) ?? []), [name, ...some]])
  }
  return [...byTag.values()].map((some) => ({ tag, args, commands: some }))
}

const WORDS_PER_KEY: Readonly<Record<string, number | undefined>> = { MSET: 2, MSETNX: 2, DEL: 1, UNLINK: 1 }

const NOT_APPLIED = /^-(CLUSTERDOWN|OOM|MISCONF|TRYAGAIN|EXECABORT) /
const UNKNOWN =
  /^-ERR (the outcome of this (?:write|transaction) is unknown|a server could not be asked|the read was not answered)/

function outcomeOf(part: Part, reply: string, isRead: boolean): Outcome {
  if (reply.includes("(other keys of this '") || (UNKNOWN.test(reply) && !isRead)) {
    return { kind: 'unknown', reason: reply }
  }
  if (NOT_APPLIED.test(reply) || UNKNOWN.test(reply)) return { kind: 'failed', error: reply }
  if (part.elements === undefined) return { kind: 'ok', value: reply }
  const elements = elementsOf(reply)
  const own = part.elements.map((i) => elements[i])
  return { kind: 'ok', value: `*${own.length}\r\n${own.join('')}` }
}

/** The encoded elements of an array. */
export function elementsOf(reply: string): string[] {
  const found: string[] = []
  for (let at = reply.indexOf('\n') + 1; at < reply.length; ) {
    const end = endOf(reply, at)
    found.push(reply.slice(at, end))
    at = end
  }
  return found
}

function endOf(reply: string, at: number): number {
  const line = reply.indexOf('\n', at) + 1
  const count = Number(reply.slice(at + 1, line - 2))
  if (reply[at] === '$') return line + count + 2
  let end = line
  const items = '*~'.includes(reply[at]) ? count : reply[at] === '%' ? 2 * count : 0
  for (let i = 0; i < items; i++) end = endOf(reply, end)
  return end
}
