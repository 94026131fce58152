/** What an unhindered migration does, until one has been seen [design §11]. */
const KEYS_PER_SECOND = 100_000
const BYTES_PER_SECOND = 250 * 1024 * 1024
/** A migration of fewer keys tells nothing about the speed. */
const TELLING_KEYS = 1000

/** How fast data moves: told by the migrations that were made, asked for those that are planned. */
export class Speed {
  /** How many times longer than expected the last migration took. */
  private slowness = 1

  /** @param maxBytesPerSecond the limit that migrations keep, 0 for none */
  constructor(private readonly maxBytesPerSecond: number) {}

  /** A migration is over. One under a limit says nothing about what would have been possible. */
  note(keys: number, bytes: number, seconds: number): void {
    if (keys >= TELLING_KEYS && this.maxBytesPerSecond === 0) this.slowness = seconds / unhindered(keys, bytes)
  }

  /** About how long it takes to move so much. */
  secondsFor(keys: number, bytes: number): number {
    const limited = this.maxBytesPerSecond === 0 ? 0 : bytes / this.maxBytesPerSecond
    return Math.max(unhindered(keys, bytes) * this.slowness, limited)
  }
}

function unhindered(keys: number, bytes: number): number {
  return keys / KEYS_PER_SECOND + bytes / BYTES_PER_SECOND
}
