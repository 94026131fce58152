/** What an unhindered migration does, until one has been seen [design §11]. */
const KEYS_PER_SECOND = 100_000
const BYTES_PER_SECOND = 250 * 1024 * 1024
/** How much longer it takes beside clients, until that has been seen. */
const SLOWNESS_BESIDE_CLIENTS = 15
/** A migration of fewer keys tells nothing about the speed. */
const TELLING_KEYS = 1000

/** How fast data moves: told by the migrations that were made, asked for those that are planned. */
export class Speed {
  /** How many times longer than expected the last migration took: without clients, and beside them. */
  private alone = 1
  private besideClients = SLOWNESS_BESIDE_CLIENTS

  /** @param maxBytesPerSecond the limit that migrations keep, 0 for none */
  constructor(
    private readonly maxBytesPerSecond: number,
    private readonly pace: { readonly busy: boolean },
  ) {}

  /** A migration is over. One under a limit says nothing about what would have been possible. */
  note(keys: number, bytes: number, seconds: number): void {
    if (keys < TELLING_KEYS || this.maxBytesPerSecond !== 0) return
    const slowness = seconds / unhindered(keys, bytes)
    if (this.pace.busy) this.besideClients = slowness
    else this.alone = slowness
  }

  /** About how long it takes to move so much, as long as it is as now with clients. */
  secondsFor(keys: number, bytes: number): number {
    const limited = this.maxBytesPerSecond === 0 ? 0 : bytes / this.maxBytesPerSecond
    return Math.max(unhindered(keys, bytes) * (this.pace.busy ? this.besideClients : this.alone), limited)
  }
}

function unhindered(keys: number, bytes: number): number {
  return keys / KEYS_PER_SECOND + bytes / BYTES_PER_SECOND
}
