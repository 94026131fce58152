import { copyBytes } from '../base/copy-bytes.js'
import { release, takeLarge } from '../base/large-buffers.js'
import { wrongArityError } from '../command/errors.js'
import type { CommandRow } from '../command/row.js'
import type { Frame } from '../resp/frame.js'
import type { Coordinator } from './coordinator.js'
import { OUT_OF_MEMORY } from './memory.js'
import { Merge } from './merge.js'
import { answer } from './replies.js'
import type { ReplySlot } from './reply-slot.js'
import type { Route } from './router.js'

/** Of the command that is being cut: the routes of its parts, and for each of its keys in which part it is. */
const routes: Route[] = []
const partOf: number[] = []

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
  cut(coordinator, frame, row, keys, keyCount)
  if (routes.length === 1) {
    coordinator.serveRoute(routes[0], frame, row, slot, deadlineMs)
    return
  }
  const { memory } = coordinator
  if (memory.anyFull && routes.some((route) => memory.refuses(row, route))) {
    answer(slot, OUT_OF_MEMORY)
    return
  }
  const merge = Merge.of(row, slot, routes.length, partOf, keyCount)
  for (let part = 0; part < routes.length; part++) {
    partFrame.fill(frame, part, keys, keyCount, step)
    coordinator.serveRoute(routes[part], partFrame, row, merge.slotOf(part), deadlineMs)
    partFrame.empty()
  }
}

/** Finds the parts. Reads may go together when they go to the same master, as long as nobody needs to ask its backups. */
function cut(coordinator: Coordinator, frame: Frame, row: CommandRow, keys: readonly number[], keyCount: number): void {
  const { router, lanes, uncertainty, doubts } = coordinator
  const byMaster = row.replicate === 'none' && lanes.active === 0 && !uncertainty.active && !doubts.any
  routes.length = 0
  for (let k = 0; k < keyCount; k++) {
    const index = keys[k]
    const route = router.routeOfKey(frame.buf, frame.argStart[index], frame.argEnd[index])
    let part = 0
    while (part < routes.length && routes[part] !== route && !(byMaster && sameMaster(routes[part], route))) part++
    if (part === routes.length) routes.push(route)
    partOf[k] = part
  }
}

function sameMaster(a: Route, b: Route): boolean {
  return a.natural[0] === b.natural[0] && a.natural[0]?.serving === true
}

const CR = 13
const LF = 10
const STAR = 42
/** `*4294967295 CR LF` */
const HEADER_BYTES_MAX = 13
const KEPT_BYTES = 8192
const KEPT_ARGS = 1024

/** One part of a command, encoded; the same object and bytes for every part, which whoever keeps them has to copy. */
class PartFrame implements Frame {
  buf: Buffer = Buffer.allocUnsafeSlow(KEPT_BYTES)
  readonly start = 0
  end = 0
  argc = 0
  argStart = new Int32Array(KEPT_ARGS)
  argEnd = new Int32Array(KEPT_ARGS)
  readonly owned = false

  private readonly keptBuf = this.buf
  private readonly keptStart = this.argStart
  private readonly keptEnd = this.argEnd

  /** Becomes the command of those keys, with their `step - 1` values, that are in this part. */
  fill(whole: Frame, part: number, keys: readonly number[], keyCount: number, step: number): void {
    let argc = 1
    let bytes = HEADER_BYTES_MAX + whole.argEnd[0] - whole.start
    for (let k = 0; k < keyCount; k++) {
      if (partOf[k] !== part) continue
      argc += step
      bytes += whole.argEnd[keys[k] + step - 1] - whole.argEnd[keys[k] - 1] + 2
    }
    if (bytes > KEPT_BYTES) this.buf = takeLarge(bytes)
    if (argc > KEPT_ARGS) {
      this.argStart = new Int32Array(argc)
      this.argEnd = new Int32Array(argc)
    }
    this.argc = 0
    this.end = this.writeHeader(argc)
    this.take(whole, 0, 0)
    for (let k = 0; k < keyCount; k++) if (partOf[k] === part) this.take(whole, keys[k], keys[k] + step - 1)
  }

  /** Lets go of what one large part needed. */
  empty(): void {
    if (this.buf !== this.keptBuf) release(this.buf)
    this.buf = this.keptBuf
    this.argStart = this.keptStart
    this.argEnd = this.keptEnd
  }

  private writeHeader(argc: number): number {
    const { buf } = this
    let at = 1
    for (let unit = 10 ** Math.floor(Math.log10(argc)); unit >= 1; unit /= 10)
      buf[at++] = 48 + (Math.floor(argc / unit) % 10)
    buf[0] = STAR
    buf[at] = CR
    buf[at + 1] = LF
    return at + 2
  }

  /** Takes the arguments from `first` to `last` over as they lie there, with their headers. */
  private take(whole: Frame, first: number, last: number): void {
    const { buf, argStart, argEnd } = this
    // The first argument's header follows that of the command, `*n CR LF`.
    const from = first === 0 ? whole.buf.indexOf(LF, whole.start) + 1 : whole.argEnd[first - 1] + 2
    const to = whole.argEnd[last] + 2
    const shift = this.end - from
    copyBytes(whole.buf, from, to, buf, this.end)
    for (let i = first; i <= last; i++) {
      argStart[this.argc] = whole.argStart[i] + shift
      argEnd[this.argc++] = whole.argEnd[i] + shift
    }
    this.end += to - from
  }
}

const partFrame = new PartFrame()
