/**
 * A first in, first out queue in a ring of slots that doubles when it is full: no allocation per element once
 * it has grown to the depth of the load, and `shift` costs the same at any depth.
 */
export class Fifo<T> {
  private slots: (T | undefined)[]
  private mask: number
  private head = 0
  private count = 0

  /** `capacity` is the first number of slots, a power of two. */
  constructor(capacity = 16) {
    this.slots = new Array(capacity).fill(undefined)
    this.mask = capacity - 1
  }

  get length(): number {
    return this.count
  }

  push(item: T): void {
    if (this.count > this.mask) this.grow()
    this.slots[(this.head + this.count) & this.mask] = item
    this.count++
  }

  /** The oldest element, or undefined when the queue is empty. */
  peek(): T | undefined {
    return this.slots[this.head]
  }

  /** Takes the oldest element out, or gives undefined when the queue is empty. */
  shift(): T | undefined {
    if (this.count === 0) return undefined
    const item = this.slots[this.head]
    this.slots[this.head] = undefined
    this.head = (this.head + 1) & this.mask
    this.count--
    return item
  }

  /** The i-th oldest element, counted from 0; undefined when there is none. */
  at(i: number): T | undefined {
    return i >= 0 && i < this.count ? this.slots[(this.head + i) & this.mask] : undefined
  }

  /** Puts another one in the place of the i-th oldest element, which there must be. */
  set(i: number, item: T): void {
    this.slots[(this.head + i) & this.mask] = item
  }

  /** Takes everything out, oldest first. */
  drain(): T[] {
    const items: T[] = []
    for (let item = this.shift(); item !== undefined; item = this.shift()) items.push(item)
    return items
  }

  private grow(): void {
    const size = this.slots.length
    const slots: (T | undefined)[] = new Array(size * 2).fill(undefined)
    for (let i = 0; i < this.count; i++) slots[i] = this.slots[(this.head + i) & this.mask]
    this.slots = slots
    this.mask = size * 2 - 1
    this.head = 0
  }
}
