import { dbOfId, type KeyId, keyOfId } from '../../../base/key-id.js'
import type { SomeKeys } from '../../../base/some-keys.js'
import type { Frame, Names } from '../../../resp/frame.js'
import { fingerprintIn } from '../../../ring/identifier.js'

/** So many bits for each key: of a hundred others six seem to be among them, until it is looked. */
const BITS_PER_KEY = 16

/**
 * Which keys a command has, where they are very many, for the question whether one of some others is among them: lanes, gates, watches
 * and so on know few keys, and to make a name of each of a million takes half a second. What is asked has a bit by its fingerprint;
 * where that is set, all fingerprints are gone through, and the bytes compared.
 */
export class KeyNames implements Names {
  private readonly fingerprints: Uint32Array
  private readonly bits: Uint32Array
  private readonly mask: number

  /** The keys are the arguments from `first` on, one in each `step`. */
  constructor(
    private readonly frame: Frame,
    private readonly first: number,
    private readonly step: number,
    keyCount: number,
  ) {
    const bits = 2 ** Math.ceil(Math.log2(Math.max(32, keyCount * BITS_PER_KEY)))
    this.mask = bits - 1
    this.bits = new Uint32Array(bits / 32)
    this.fingerprints = new Uint32Array(keyCount)
  }

  /** Notes the key of this number, which lies from `start` up to `end`. */
  note(k: number, start: number, end: number): void {
    const fingerprint = fingerprintIn(this.frame.buf, start, end)
    this.fingerprints[k] = fingerprint
    const bit = (fingerprint & this.mask) >>> 0
    this.bits[bit >>> 5] |= 1 << (bit & 31)
  }

  /** [Names] */
  areAnyOf(some: SomeKeys, db: number): boolean {
    return this.among(some, db).next().done !== true
  }

  /** The numbers of those keys that are one of `some`, of database `db`: one for each of these. */
  *among(some: SomeKeys, db: number): Generator<number> {
    for (const id of some.keys()) {
      const k = dbOfId(id) === db ? this.find(id) : -1
      if (k >= 0) yield k
    }
  }

  private find(id: KeyId): number {
    const { frame, fingerprints, first, step } = this
    const { key } = keyOfId(id)
    const fingerprint = fingerprintIn(key, 0, key.length)
    const bit = (fingerprint & this.mask) >>> 0
    if ((this.bits[bit >>> 5] & (1 << (bit & 31))) === 0) return -1
    for (let k = fingerprints.indexOf(fingerprint); k >= 0; k = fingerprints.indexOf(fingerprint, k + 1)) {
      const i = first + k * step
      if (key.compare(frame.buf, frame.argStart[i], frame.argEnd[i]) === 0) return k
    }
    return -1
  }
}
