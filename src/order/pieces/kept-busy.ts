import type { Link } from '../../backend/link.js'

/** So fast even a slow server makes room for a large string, which is written with zeroes once. */
const BYTES_PER_MS = 100_000

const untilMs = new WeakMap<Link, number>()

/** What was just emitted makes the server prepare so many bytes at once. */
export function keepBusy(link: Link, bytes: number, nowMs: number): void {
  untilMs.set(link, nowMs + bytes / BYTES_PER_MS)
}

/** It has answered. */
export function noLongerBusy(link: Link): void {
  untilMs.delete(link)
}

/** Whether it is no wonder that the server says nothing: what is copied to it takes long, and cannot be done in pieces. */
export function isKeptBusy(link: Link, nowMs: number): boolean {
  return nowMs < (untilMs.get(link) ?? 0)
}
