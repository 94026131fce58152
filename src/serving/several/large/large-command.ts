import { HELD_BYTES, hold } from '../../../base/large-buffers.js'
import type { SomeKeys } from '../../../base/some-keys.js'
import type { CommandRow } from '../../../command/row.js'
import type { Route, Router } from '../../../order/router.js'
import { type Frame, frameIn, type Names } from '../../../resp/frame.js'
import type { KeyNames } from './key-names.js'

/** With so many keys a command is cut, and what is answered to its parts put together, in slices. */
export const LARGE_KEYS = 4096

/** How many keys a command has that can be cut, if they are that many and its arguments are complete; else 0. */
export function largeCount({ argc }: Frame, { route, firstKey, keyStep }: CommandRow): number {
  if (route !== 'split' || (argc - firstKey) % keyStep !== 0) return 0
  const count = (argc - firstKey) / keyStep
  return count >= LARGE_KEYS ? count : 0
}

/** How a command is cut while its keys lie as `router` says. */
export interface LargeCut {
  readonly router: Router
  readonly routes: readonly Route[]
  readonly parts: number
  /** For each key in which part it is. */
  readonly partOf: ArrayLike<number>
  readonly frames: readonly Frame[]
  readonly names: KeyNames
}

/** A command with very many keys, which stays where it is as long as it is under way. */
export class LargeCommand implements Frame {
  readonly buf: Buffer
  readonly start: number
  readonly end: number
  readonly argc: number
  readonly argStart: Int32Array
  readonly argEnd: Int32Array
  readonly owned = true
  readonly stays = true
  /** It goes out as this says, unless keys lie elsewhere by then. */
  cut: LargeCut | undefined

  constructor(
    frame: Frame,
    readonly row: CommandRow,
    readonly keyCount: number,
  ) {
    const { buf, start, end, argc } = frame
    this.argc = argc
    this.argStart = copyOf(frame.argStart, argc)
    this.argEnd = copyOf(frame.argEnd, argc)
    // What is held and forgotten is left to the garbage collector. Where a smaller one lies more is read into.
    const stays = frame.owned || (end - start >= HELD_BYTES && hold(buf))
    this.buf = stays ? buf : Buffer.from(buf.subarray(start, end))
    const shift = stays ? 0 : start
    this.start = start - shift
    this.end = end - shift
    if (shift === 0) return
    for (let i = 0; i < argc; i++) {
      this.argStart[i] -= shift
      this.argEnd[i] -= shift
    }
  }

  get names(): Names | undefined {
    return this.cut?.names
  }
}

function copyOf(offsets: ArrayLike<number>, count: number): Int32Array {
  return offsets instanceof Int32Array ? offsets.slice(0, count) : Int32Array.from(offsets)
}

/** A part of it. Where the arguments lie is found out again by who asks. */
export class LargePart implements Frame, Names {
  readonly start = 0
  readonly end: number
  readonly owned = true
  readonly stays = true
  private read: Frame | undefined

  constructor(
    readonly buf: Buffer,
    readonly argc: number,
    private readonly part: number,
    private readonly partOf: ArrayLike<number>,
    private readonly keys: KeyNames,
  ) {
    this.end = buf.length
  }

  get argStart(): ArrayLike<number> {
    return this.arguments.argStart
  }

  get argEnd(): ArrayLike<number> {
    return this.arguments.argEnd
  }

  get names(): Names {
    return this
  }

  /** [Names] */
  areAnyOf(some: SomeKeys, db: number): boolean {
    for (const k of this.keys.among(some, db, this.argc)) {
      if (k === undefined || this.partOf[k] === this.part) return true
    }
    return false
  }

  private get arguments(): Frame {
    this.read ??= frameIn(this.buf)
    return this.read
  }
}
