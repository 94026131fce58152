import { LOWER } from '../base/ascii.js'
import type { CommandRow } from './row.js'

/** FNV-1a over the lower-cased bytes. */
const HASH_START = 0x811c9dc5
const HASH_PRIME = 0x01000193

const BAR = 0x7c

/**
 * Rows by name, found from raw bytes in any case without an allocation: open addressing with linear probing, at most a
 * quarter full.
 */
export class NameIndex {
  private slots: (CommandRow | undefined)[]
  private count = 0

  /** `capacity` is the first number of slots, a power of two. */
  constructor(capacity = 1024) {
    this.slots = new Array(capacity).fill(undefined)
  }

  add(row: CommandRow): void {
    if (++this.count * 4 > this.slots.length) this.grow()
    this.place(row)
  }

  /** The row whose name is the bytes from `start` to `end`, or `container|` and these bytes if `container` is not empty. */
  find(container: string, buf: Buffer, start: number, end: number): CommandRow | undefined {
    const { slots } = this
    const mask = slots.length - 1
    const from = container === '' ? 0 : container.length + 1
    let hash = from === 0 ? HASH_START : step(hashOf(container), BAR)
    for (let i = start; i < end; i++) hash = step(hash, LOWER[buf[i]])
    const length = from + end - start
    for (let at = spread(hash) & mask; ; at = (at + 1) & mask) {
      const row = slots[at]
      if (row === undefined) return undefined
      const { name } = row
      if (name.length !== length || !sameTail(name, from, buf, start)) continue
      if (from === 0 || (name.startsWith(container) && name.charCodeAt(from - 1) === BAR)) return row
    }
  }

  private place(row: CommandRow): void {
    const mask = this.slots.length - 1
    let at = spread(hashOf(row.name)) & mask
    while (this.slots[at] !== undefined) at = (at + 1) & mask
    this.slots[at] = row
  }

  private grow(): void {
    const rows = this.slots
    this.slots = new Array(rows.length * 2).fill(undefined)
    for (const row of rows) if (row !== undefined) this.place(row)
  }
}

function hashOf(name: string): number {
  let hash = HASH_START
  for (let i = 0; i < name.length; i++) hash = step(hash, name.charCodeAt(i))
  return hash
}

function step(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, HASH_PRIME)
}

/** The low bits of FNV depend on the low bits of the input alone; this brings the high ones in. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15)
}

function sameTail(name: string, from: number, buf: Buffer, start: number): boolean {
  for (let i = from; i < name.length; i++) {
    if (name.charCodeAt(i) !== LOWER[buf[start + i - from]]) return false
  }
  return true
}
