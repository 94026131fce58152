import { copyBytes } from '../../../base/copy-bytes.js'
import { isHidden } from '../../../order/pieces/hidden-name.js'
import type { Route, Router } from '../../../order/router.js'
import { ARRAY_HEADER_BYTES_MAX, startOfName, writeArrayHeader } from '../part-frame.js'
import { KeyNames } from './key-names.js'
import { type LargeCommand, type LargeCut, LargePart } from './large-command.js'

/** So many keys are a step, or so many bytes that are copied. */
const STEP_KEYS = 512
const STEP_BYTES = 256 * 1024

/** A part that is found: what it has, and where it is written. */
interface Part {
  keys: number
  bytes: number
  buf: Buffer
  used: number
}

/**
 * Finds the parts of a command with very many keys, step by step: first whose each key is, then their bytes, a part for each replica
 * set. Nothing is emitted by that: it goes out in one turn, with all its parts, when they are there.
 */
export class Cutting {
  /** A key is one under which DT builds values: the command is not served. */
  namesOurs = false
  private k = 0
  private isCopying = false
  private readonly routes: Route[] = []
  private readonly parts: Part[] = []
  private readonly partOf: Uint16Array
  private readonly partOfRoute = new Map<Route, number>()
  private readonly names: KeyNames

  constructor(
    private readonly command: LargeCommand,
    readonly router: Router,
  ) {
    const { row, keyCount } = command
    this.partOf = new Uint16Array(keyCount)
    this.names = new KeyNames(command, row.firstKey, row.keyStep, keyCount)
  }

  /** [Step] */
  step(): boolean {
    const { keyCount } = this.command
    const to = Math.min(this.k + STEP_KEYS, keyCount)
    if (this.isCopying) this.copy(to)
    else this.find(to)
    if (this.namesOurs) return false
    if (this.k < keyCount) return true
    // A command whose keys all have one replica set is its own part.
    if (this.isCopying || this.parts.length === 1) return false
    this.makeRoom()
    this.isCopying = true
    this.k = 0
    return true
  }

  /** When there are no more steps. */
  get cut(): LargeCut {
    const { command, router, routes, parts, partOf, names } = this
    const { row } = command
    const frames = parts.map(({ keys, buf, used }, part) => {
      return new LargePart(buf.subarray(0, used), row.firstKey + keys * row.keyStep, part, partOf, names)
    })
    return { router, routes, parts: parts.length, partOf, frames: parts.length === 1 ? [command] : frames, names }
  }

  private find(to: number): void {
    const { command, router, routes, parts, partOf, partOfRoute, names } = this
    const { buf, argStart, argEnd, row } = command
    const { firstKey, keyStep } = row
    for (; this.k < to; this.k++) {
      const i = firstKey + this.k * keyStep
      const start = argStart[i]
      const end = argEnd[i]
      if (buf[start] === 0 && isHidden(buf, start, end)) {
        this.namesOurs = true
        return
      }
      names.note(this.k, start, end)
      const route = router.routeOfKey(buf, start, end)
      let part = partOfRoute.get(route)
      if (part === undefined) {
        part = parts.length
        partOfRoute.set(route, part)
        routes.push(route)
        parts.push({ keys: 0, bytes: 0, buf, used: 0 })
      }
      partOf[this.k] = part
      parts[part].keys++
      parts[part].bytes += argEnd[i + keyStep - 1] - argEnd[i - 1]
    }
  }

  private makeRoom(): void {
    const { buf, argEnd, row } = this.command
    const from = startOfName(this.command)
    const to = argEnd[row.firstKey - 1] + 2
    for (const part of this.parts) {
      part.buf = Buffer.allocUnsafeSlow(ARRAY_HEADER_BYTES_MAX + to - from + part.bytes)
      part.used = writeArrayHeader(part.buf, row.firstKey + part.keys * row.keyStep)
      copyBytes(buf, from, to, part.buf, part.used)
      part.used += to - from
    }
  }

  /** The arguments lie side by side, with their headers. */
  private copy(to: number): void {
    const { command, parts, partOf } = this
    const { buf, argEnd, row } = command
    const { firstKey, keyStep } = row
    for (let bytes = 0; this.k < to && bytes < STEP_BYTES; this.k++) {
      const i = firstKey + this.k * keyStep
      const part = parts[partOf[this.k]]
      const start = argEnd[i - 1] + 2
      const end = argEnd[i + keyStep - 1] + 2
      copyBytes(buf, start, end, part.buf, part.used)
      part.used += end - start
      bytes += end - start
    }
  }
}
