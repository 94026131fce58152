/** Something that ends at a time, in ms of `performance.now`. */
export interface Timed {
  readonly deadlineMs: number
  /** Its place among all; -1 when it has none. */
  place: number
  /** Its time has come. */
  tooLate(): void
}

/** Longer a timer of Node does not wait. */
const TIMER_MAX_MS = 2 ** 31 - 1

/** Many that end at a time of their own, with one timer for all: a heap, the next one in front. */
export class Deadlines {
  private readonly heap: Timed[] = []
  private timer: NodeJS.Timeout | undefined
  private timerMs = Number.POSITIVE_INFINITY

  add(timed: Timed): void {
    this.put(timed, this.heap.length)
    this.rise(timed.place)
    this.arm()
  }

  remove(timed: Timed): void {
    const { heap } = this
    const at = timed.place
    if (at < 0) return
    const last = heap.pop()!
    timed.place = -1
    if (last === timed) return
    this.put(last, at)
    this.rise(at)
    this.sink(last.place)
  }

  /** A timer that comes too early finds nothing, and is set again. */
  private arm(): void {
    const first = this.heap.at(0)
    if (first === undefined || first.deadlineMs >= this.timerMs) return
    clearTimeout(this.timer)
    this.timerMs = first.deadlineMs
    const delayMs = Math.min(TIMER_MAX_MS, Math.max(0, Math.ceil(first.deadlineMs - performance.now())))
    // It stays when the one for whom it was set has left.
    this.timer = setTimeout(() => this.ring(), delayMs).unref()
  }

  private ring(): void {
    this.timerMs = Number.POSITIVE_INFINITY
    const nowMs = performance.now()
    for (let first = this.heap.at(0); first !== undefined && first.deadlineMs <= nowMs; first = this.heap.at(0)) {
      this.remove(first)
      first.tooLate()
    }
    this.arm()
  }

  private rise(from: number): void {
    const { heap } = this
    const timed = heap[from]
    let at = from
    for (let above = (at - 1) >> 1; at > 0 && heap[above].deadlineMs > timed.deadlineMs; above = (at - 1) >> 1) {
      this.put(heap[above], at)
      at = above
    }
    this.put(timed, at)
  }

  private sink(from: number): void {
    const { heap } = this
    const timed = heap[from]
    let at = from
    for (let below = 2 * at + 1; below < heap.length; below = 2 * at + 1) {
      if (below + 1 < heap.length && heap[below + 1].deadlineMs < heap[below].deadlineMs) below++
      if (heap[below].deadlineMs >= timed.deadlineMs) break
      this.put(heap[below], at)
      at = below
    }
    this.put(timed, at)
  }

  private put(timed: Timed, at: number): void {
    this.heap[at] = timed
    timed.place = at
  }
}
