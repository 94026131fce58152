import { assert } from '../base/assert.js'
import { wrongArityError } from '../command/errors.js'
import type { CommandRow } from '../command/row.js'
import { NULL_BULK, OK } from '../resp/encode.js'
import { type Frame, frameOf } from '../resp/frame.js'
import { REPLY_MAX_BYTES, TOO_LARGE_REPLY } from '../resp/reply-framer.js'
import type { Coordinator } from './coordinator.js'
import { OUT_OF_MEMORY } from './memory.js'
import { answer } from './replies.js'
import type { ReplySlot } from './reply-slot.js'
import type { Route } from './router.js'

/**
 * A command on several keys whose semantics allow to cut it by replica set (MGET, MSET, DEL, UNLINK, EXISTS, TOUCH):
 * one command for each replica set, all emitted in the same turn, their replies merged in the order of the keys.
 * Not atomic across replica sets [design §7 Several keys].
 */
export function split(
  coordinator: Coordinator,
  frame: Frame,
  row: CommandRow,
  slot: ReplySlot,
  keys: readonly number[],
  keyCount: number,
  deadlineMs: number,
): void {
  const step = row.keyStep
  if ((frame.argc - row.firstKey) % step !== 0) {
    // MSET with a key that has no value, which Redis takes for a matter of arity too [Redis t_string.c msetGenericCommand].
    const refusal = wrongArityError(row.name)
    slot.finish(refusal, 0, refusal.length, true)
    return
  }
  const routes: Route[] = []
  const groups: number[][] = []
  for (let k = 0; k < keyCount; k++) {
    const index = keys[k]
    const route = coordinator.router.routeOfKey(frame.buf, frame.argStart[index], frame.argEnd[index])
    const known = routes.indexOf(route)
    if (known === -1) {
      routes.push(route)
      groups.push([k])
    } else groups[known].push(k)
  }
  if (groups.length === 1) {
    coordinator.serveRoute(routes[0], frame, row, slot, deadlineMs)
    return
  }
  const { memory } = coordinator
  if (memory.anyFull && routes.some((route) => memory.refuses(row, route))) {
    answer(slot, OUT_OF_MEMORY)
    return
  }
  const merge = new Merge(row, slot, groups)
  for (let g = 0; g < groups.length; g++) {
    const args: Buffer[] = [argument(frame, 0)]
    for (const k of groups[g]) for (let i = 0; i < step; i++) args.push(argument(frame, keys[k] + i))
    coordinator.serveRoute(routes[g], frameOf(args), row, new PartSlot(merge, g), deadlineMs)
  }
}

function argument(frame: Frame, i: number): Buffer {
  return frame.buf.subarray(frame.argStart[i], frame.argEnd[i])
}

const MINUS = 0x2d
const ASTERISK = 0x2a
const DOLLAR = 0x24
const UNDERSCORE = 0x5f
const CR = 0x0d
const NULL_RESP3 = Buffer.from('_\r\n')

/** Collects the replies of the parts and gives the client one. */
class Merge {
  private readonly parts: Buffer[]
  private open: number
  private bytes = 0

  constructor(
    readonly row: CommandRow,
    readonly slot: ReplySlot,
    /** For each part, which keys of the command it has, as positions among the keys. */
    private readonly groups: readonly (readonly number[])[],
  ) {
    this.parts = new Array(groups.length)
    this.open = groups.length
  }

  /** `reply` is whole, in RESP3, and ours. */
  partDone(part: number, reply: Buffer): void {
    this.bytes += reply.length
    this.parts[part] = this.bytes > REPLY_MAX_BYTES ? TOO_LARGE_REPLY : reply
    if (--this.open > 0) return
    const merged = this.error() ?? this.merged()
    // The slots of the parts, and with them this, are held by objects that wait to be used again.
    this.parts.length = 0
    this.slot.finish(merged, 0, merged.length, true)
  }

  /** The first error, in the order of the keys; a write says whether other parts of it were applied. */
  private error(): Buffer | undefined {
    const failed = this.parts.find((part) => part[0] === MINUS)
    if (failed === undefined) return undefined
    const applied = this.row.replicate !== 'none' && this.parts.some((part) => part[0] !== MINUS)
    if (!applied) return failed
    const text = failed.toString('utf8', 0, failed.length - 2)
    return Buffer.from(`${text} (other keys of this '${this.row.name}' were written)\r\n`)
  }

  private merged(): Buffer {
    switch (this.row.merge) {
      case 'ok':
        return OK
      case 'sum':
        return Buffer.from(`:${this.parts.reduce((sum, part) => sum + Number(part.toString('latin1', 1)), 0)}\r\n`)
      default:
        return this.array()
    }
  }

  /** The elements of the parts' arrays in the places of their keys. */
  private array(): Buffer {
    const count = this.groups.reduce((sum, group) => sum + group.length, 0)
    const elements = new Array<Buffer>(count)
    const nullElement = this.slot.proto === 3 ? NULL_RESP3 : NULL_BULK
    for (let p = 0; p < this.parts.length; p++) {
      const part = this.parts[p]
      assert(part[0] === ASTERISK, `a part of ${this.row.name} answers an array`)
      let at = part.indexOf(CR) + 2
      for (const k of this.groups[p]) {
        const end = elementEnd(part, at)
        elements[k] = part[at] === UNDERSCORE ? nullElement : part.subarray(at, end)
        at = end
      }
    }
    return Buffer.concat([Buffer.from(`*${count}\r\n`), ...elements])
  }
}

/** Where the one-line value or bulk string that begins at `at` ends. */
function elementEnd(buf: Buffer, at: number): number {
  const lineEnd = buf.indexOf(CR, at)
  if (buf[at] !== DOLLAR) return lineEnd + 2
  return lineEnd + 2 + Number(buf.latin1Slice(at + 1, lineEnd)) + 2
}

/** The slot of one part: asks for RESP3, so that all parts look alike, and passes everything else on to the client's. */
class PartSlot implements ReplySlot {
  readonly proto = 3

  constructor(
    private readonly merge: Merge,
    private readonly part: number,
  ) {}

  get db(): number {
    return this.merge.slot.db
  }

  get client(): unknown {
    return this.merge.slot.client
  }

  get abandoned(): boolean {
    return this.merge.slot.abandoned
  }

  finish(buf: Buffer, start: number, end: number, owned: boolean): void {
    const bytes = buf.subarray(start, end)
    this.merge.partDone(this.part, owned ? bytes : Buffer.from(bytes))
  }

  pauseClient(): void {
    this.merge.slot.pauseClient()
  }
}
