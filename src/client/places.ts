import type { Fifo } from '../base/fifo.js'
import type { Slot } from './slot.js'

/** Where among the places of replies the command stands that came last, if it is such a one; else -1. What was put beside it has its number. */
export function lastThat(slots: Fifo<Slot>, isSuch: (command: Slot) => boolean): number {
  const number = slots.at(slots.length - 1)?.number
  for (let i = slots.length - 1; i >= 0 && slots.at(i)!.number === number; i--) if (isSuch(slots.at(i)!)) return i
  return -1
}

/** Puts a place before the one that stands there. */
export function insert(slots: Fifo<Slot>, at: number, slot: Slot): void {
  slots.push(slot)
  for (let i = slots.length - 1; i > at; i--) slots.set(i, slots.at(i - 1)!)
  slots.set(at, slot)
}

/** Whether its command waits for what may never come. */
export function waits({ waiting }: Slot): boolean {
  return waiting
}

/** Whether its client's next command waits for it. */
export function pauses({ pausing }: Slot): boolean {
  return pausing
}
