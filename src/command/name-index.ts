import { LOWER } from '../base/ascii.js'
import type { CommandRow } from './row.js'

const BAR = 0x7c

/**
 * Rows by name, found from raw bytes in any case without an allocation: open addressing with linear probing, at most an
 * eighth full. The hash looks at the length and four bytes only, which spreads Redis's names well enough (nine in ten
 * stand at their first slot) and costs less than reading every byte twice.
 */
export class NameIndex {
  private slots: (CommandRow | undefined)[]
  private count = 0

  /** `capacity` is the first number of slots, a power of two. */
  constructor(capacity = 2048) {
    this.slots = new Array(capacity).fill(undefined)
  }

  add(row: CommandRow): void {
    if (++this.count * 8 > this.slots.length) this.grow()
    this.place(row)
  }

  /** The row whose name is the bytes from `start` to `end`, or `container|` and these bytes if `container` is not empty. */
  find(container: string, buf: Buffer, start: number, end: number): CommandRow | undefined {
    if (start === end) return undefined
    const { slots } = this
    const mask = slots.length - 1
    const size = end - start
    const from = container === '' ? 0 : container.length + 1
    const hash = hashOf(
      from,
      size,
      LOWER[buf[start]],
      LOWER[buf[start + (size >> 1)]],
      LOWER[buf[size > 1 ? end - 2 : start]],
      LOWER[buf[end - 1]],
    )
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const row = slots[at]
      if (row === undefined) return undefined
      const { name } = row
      if (name.length !== from + size || !sameTail(name, from, buf, start)) continue
      if (from === 0 || (name.startsWith(container) && name.charCodeAt(from - 1) === BAR)) return row
    }
  }

  private place(row: CommandRow): void {
    const { name } = row
    const from = name.indexOf('|') + 1
    const last = name.length - 1
    const size = name.length - from
    const hash = hashOf(
      from,
      size,
      name.charCodeAt(from),
      name.charCodeAt(from + (size >> 1)),
      name.charCodeAt(size > 1 ? last - 1 : last),
      name.charCodeAt(last),
    )
    const mask = this.slots.length - 1
    let at = hash & mask
    while (this.slots[at] !== undefined) at = (at + 1) & mask
    this.slots[at] = row
  }

  private grow(): void {
    const rows = this.slots
    this.slots = new Array(rows.length * 2).fill(undefined)
    for (const row of rows) if (row !== undefined) this.place(row)
  }
}

/** `from` is 0 for a command, and for a subcommand the length of its container's name and the bar. */
function hashOf(from: number, size: number, first: number, middle: number, beforeLast: number, last: number): number {
  const bytes = first | (middle << 8) | (last << 16) | (beforeLast << 24)
  const hash = Math.imul(size + from * 64, 0x9e3779b1) ^ Math.imul(bytes, 0x85ebca6b)
  return hash ^ (hash >>> 15)
}

function sameTail(name: string, from: number, buf: Buffer, start: number): boolean {
  for (let i = from; i < name.length; i++) {
    if (name.charCodeAt(i) !== LOWER[buf[start + i - from]]) return false
  }
  return true
}
