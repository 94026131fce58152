/** What an id `<ms>-<number>` is compared by: of two ids that of the lower one is the lower string. */
export function orderOf(id: string): string {
  const dash = id.indexOf('-')
  return id.slice(0, dash).padStart(DIGITS, '0') + id.slice(dash + 1).padStart(DIGITS, '0')
}

/** Of 2^64 - 1. */
const DIGITS = 20

/** Below all ids, and above them. */
export const BELOW_ALL = ''
export const ABOVE_ALL = '~'

/** Ids in rising order, of which some have been taken. */
interface Run {
  readonly ids: readonly string[]
  at: number
  /** Of the first one that has not been taken. */
  order: string
}

/** Ids that come in many runs, each in order, and are taken in the order of all of them, each once: a heap. */
export class IdsInOrder {
  private readonly runs: Run[] = []
  private taken = ''
  private left = 0

  /** How many there are, some of them perhaps more than once. */
  get size(): number {
    return this.left
  }

  /** @param ids in rising order */
  add(ids: readonly string[]): void {
    if (ids.length === 0) return
    this.left += ids.length
    const run = { ids, at: 0, order: orderOf(ids[0]) }
    const { runs } = this
    let i = runs.push(run) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (runs[parent].order <= run.order) break
      runs[i] = runs[parent]
      i = parent
    }
    runs[i] = run
  }

  /** Whether there are any that are not above this order, see `orderOf`. */
  has(to: string): boolean {
    return this.runs.length > 0 && this.runs[0].order <= to
  }

  /** Takes the lowest ones out, but none above this order, and so many at most, of which those that come twice are left out. */
  take(to: string, most: number): string[] {
    const ids: string[] = []
    for (let i = 0; i < most && this.has(to); i++) {
      const id = this.next(this.runs[0])
      if (id !== this.taken) ids.push(id)
      this.taken = id
    }
    return ids
  }

  /** Takes the first id of the first run. */
  private next(run: Run): string {
    const id = run.ids[run.at++]
    this.left--
    if (run.at < run.ids.length) {
      run.order = orderOf(run.ids[run.at])
      this.sink(run)
    } else {
      const last = this.runs.pop()!
      if (last !== run) this.sink(last)
    }
    return id
  }

  /** Puts a run in its place, from the top. */
  private sink(run: Run): void {
    const { runs } = this
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= runs.length) break
      if (child + 1 < runs.length && runs[child + 1].order < runs[child].order) child++
      if (runs[child].order >= run.order) break
      runs[i] = runs[child]
      i = child
    }
    runs[i] = run
  }
}

/** Which of two ids, `<ms>-<number>`, is the lower one, whatever zeroes stand before their digits: as `sort` wants it. */
export function compareIds(one: string, other: string): number {
  const [ms, seq] = one.split('-').map(BigInt)
  const [otherMs, otherSeq] = other.split('-').map(BigInt)
  if (ms !== otherMs) return ms < otherMs ? -1 : 1
  return seq < otherSeq ? -1 : seq > otherSeq ? 1 : 0
}
