interface Counter {
  key: string
  count: number
  /** How much of the count may be other keys'. */
  error: number
  /** Where it stands in the heap. */
  at: number
}

/** A key that weighs much: `count` is never less than what it weighs, and at most `error` more. */
export interface Heavy {
  readonly key: string
  readonly count: number
  readonly error: number
}

/**
 * The heaviest of very many keys, with so many counters and no more (Space-Saving, by Metwally, Agrawal and El Abbadi): a key without one takes
 * that of the lightest, with its count, which becomes the error. Whoever weighs more than one part in `capacity` of all is among them.
 * The counters are a heap with the lightest on top.
 */
export class HeavyHitters {
  private readonly byKey = new Map<string, Counter>()
  private readonly heap: Counter[] = []

  constructor(private readonly capacity: number) {}

  add(key: string, weight: number): void {
    const counter = this.byKey.get(key)
    if (counter !== undefined) {
      counter.count += weight
      this.sink(counter)
    } else if (this.heap.length < this.capacity) {
      const fresh = { key, count: weight, error: 0, at: this.heap.length }
      this.heap.push(fresh)
      this.byKey.set(key, fresh)
      this.rise(fresh)
    } else {
      const [lightest] = this.heap
      this.byKey.delete(lightest.key)
      lightest.key = key
      lightest.error = lightest.count
      lightest.count += weight
      this.byKey.set(key, lightest)
      this.sink(lightest)
    }
  }

  /** All of them weigh so much of what they did. Their order stays, and so does the heap. */
  scale(factor: number): void {
    for (const counter of this.heap) {
      counter.count *= factor
      counter.error *= factor
    }
  }

  /** The heaviest first. */
  top(count: number): Heavy[] {
    const heaviest = [...this.heap].sort((a, b) => b.count - a.count).slice(0, count)
    return heaviest.map(({ key, count: counted, error }) => ({ key, count: counted, error }))
  }

  private rise(counter: Counter): void {
    while (counter.at > 0) {
      const above = this.heap[(counter.at - 1) >> 1]
      if (above.count <= counter.count) return
      this.swap(counter, above)
    }
  }

  private sink(counter: Counter): void {
    const { heap } = this
    for (;;) {
      const left = heap[2 * counter.at + 1]
      const right = heap[2 * counter.at + 2]
      if (left === undefined) return
      const lighter = right !== undefined && right.count < left.count ? right : left
      if (lighter.count >= counter.count) return
      this.swap(counter, lighter)
    }
  }

  private swap(a: Counter, b: Counter): void {
    ;[a.at, b.at] = [b.at, a.at]
    this.heap[a.at] = a
    this.heap[b.at] = b
  }
}
