/** What is read or written at a time may carry so much for each millisecond that a server may be blocked. */
const ELEMENTS_PER_MS = 100
const BYTES_PER_MS = 20_000
/** Of a server that takes longer than it may all the same, so little of it at least. */
const LEAST_SHARE = 1 / 4

/**
 * How large a piece may be, so that no server is blocked for longer than `migration.maxBlockMs`: about a tenth of what that
 * time is enough for, because pieces are not the only work that comes, and servers differ.
 *
 * One that answers late gets smaller pieces, though it may have been kept by others.
 */
export class Budget {
  private share = 1

  constructor(private readonly maxBlockMs: number) {}

  get bytes(): number {
    return Math.max(1, Math.floor(this.maxBlockMs * BYTES_PER_MS * this.share))
  }

  /** How many elements of this size a piece may have. */
  elementsOf(bytesEach: number): number {
    const elements = this.maxBlockMs * ELEMENTS_PER_MS * this.share
    return Math.max(1, Math.floor(Math.min(elements, this.bytes / Math.max(1, bytesEach))))
  }

  /** A piece was read, or written, and it took so long until the answer came. */
  took(ms: number): void {
    if (ms > 2 * this.maxBlockMs) this.share = Math.max(LEAST_SHARE, this.share / 2)
    else if (ms < this.maxBlockMs) this.share = Math.min(1, this.share * 1.5)
  }
}
