import { within } from './within.js'

/** Does one thing after the other, in the order in which they are asked for. */
export class OneByOne {
  private last: Promise<unknown> = Promise.resolve()

  do<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(work)
    this.last = mine.catch(() => {})
    return mine
  }

  /** The same for who waits for those before it until `deadlineMs` at most: then it is not done, and he gets what `tooLate` gives. */
  async doBefore<T>(deadlineMs: number, work: () => Promise<T>, tooLate: () => T): Promise<T> {
    let hasBegun = false
    const mine = this.do(async () => {
      if (performance.now() >= deadlineMs) return tooLate()
      hasBegun = true
      return work()
    })
    await within(mine, deadlineMs - performance.now())
    // What has begun has an end of its own.
    return hasBegun ? mine : tooLate()
  }
}
