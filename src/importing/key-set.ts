import { createHash } from 'node:crypto'

const FIRST_CAPACITY = 1024
const FULL_AT = 0.6

/**
 * Keys that were seen, of all databases: 8 bytes are kept of each (of SHA-1), whatever its length, in a table that is 30 to 60 % full.
 * Of a billion keys two have the same eight bytes with a probability of 3 %; of a million, with one of 0.000003 %.
 */
export class KeySet {
  private high = new Uint32Array(FIRST_CAPACITY)
  private low = new Uint32Array(FIRST_CAPACITY)
  private count = 0

  get size(): number {
    return this.count
  }

  has(db: number, key: Buffer): boolean {
    const [high, low] = halves(db, key)
    return this.high[this.placeOf(high, low)] !== 0
  }

  /** Whether it is new. */
  add(db: number, key: Buffer): boolean {
    const [high, low] = halves(db, key)
    const place = this.placeOf(high, low)
    if (this.high[place] !== 0) return false
    this.high[place] = high
    this.low[place] = low
    this.count++
    if (this.count > this.high.length * FULL_AT) this.grow()
    return true
  }

  /** Where it stands, or belongs. */
  private placeOf(high: number, low: number): number {
    const mask = this.high.length - 1
    let place = low & mask
    while (this.high[place] !== 0 && (this.high[place] !== high || this.low[place] !== low)) place = (place + 1) & mask
    return place
  }

  private grow(): void {
    const { high, low } = this
    this.high = new Uint32Array(high.length * 2)
    this.low = new Uint32Array(high.length * 2)
    for (let i = 0; i < high.length; i++) {
      if (high[i] === 0) continue
      const place = this.placeOf(high[i], low[i])
      this.high[place] = high[i]
      this.low[place] = low[i]
    }
  }
}

/** The first half is never 0: that marks a free place. */
function halves(db: number, key: Buffer): [high: number, low: number] {
  const named = Buffer.allocUnsafe(key.length + 4)
  named.writeUInt32LE(db)
  key.copy(named, 4)
  const digest = createHash('sha1').update(named).digest()
  return [digest.readUInt32LE(0) || 1, digest.readUInt32LE(4)]
}
