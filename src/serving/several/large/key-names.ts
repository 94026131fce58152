import { dbOfId, type KeyId, keyOfId } from '../../../base/key-id.js'
import type { SomeKeys } from '../../../base/some-keys.js'
import type { Frame, Names } from '../../../resp/frame.js'
import { fingerprintIn } from '../../../ring/identifier.js'

/** So many places there are for each key; and so many are looked at, one behind the other, before it is given up to tell keys apart. */
const PLACES_PER_KEY = 2
const LOOKS_MAX = 128

/**
 * Which keys a command has, where they are very many, for the question whether one of some others is among them: lanes, gates, watches
 * and so on know few keys, and to make a name of each of a million takes half a second. Each key has a place by its fingerprint, or
 * behind it, once, however often it is named.
 */
export class KeyNames implements Names {
  private readonly fingerprints: Uint32Array
  /** The numbers of the keys, from 1 on. */
  private readonly places: Uint32Array
  private readonly mask: number
  /** Too many have their places in one another's way, as somebody may have made them to: any key may be among them. */
  private isCrowded = false

  /** The keys are the arguments from `first` on, one in each `step`. */
  constructor(
    private readonly frame: Frame,
    private readonly first: number,
    private readonly step: number,
    keyCount: number,
  ) {
    const count = 2 ** Math.ceil(Math.log2(keyCount * PLACES_PER_KEY))
    this.mask = count - 1
    this.places = new Uint32Array(count)
    this.fingerprints = new Uint32Array(keyCount)
  }

  /** Notes the key of this number, which lies from `start` up to `end`. */
  note(k: number, start: number, end: number): void {
    const { buf } = this.frame
    const fingerprint = fingerprintIn(buf, start, end)
    this.fingerprints[k] = fingerprint
    const place = this.placeOf(fingerprint, buf, start, end)
    if (place < 0) this.isCrowded = true
    else if (this.places[place] === 0) this.places[place] = k + 1
  }

  /** [Names] */
  areAnyOf(some: SomeKeys, db: number): boolean {
    return this.among(some, db, this.fingerprints.length).next().done !== true
  }

  /**
   * The numbers of those keys that are one of `some`, of database `db`: one for each of these; undefined where it may be any.
   *
   * @param most so many of them are asked about: of more it takes no longer to make names of the keys
   */
  *among(some: SomeKeys, db: number, most: number): Generator<number | undefined> {
    if (this.isCrowded) yield undefined
    let left = most
    for (const id of some.keys()) {
      if (left-- === 0) {
        yield undefined
        return
      }
      const k = dbOfId(id) === db ? this.find(id) : -1
      if (k >= 0) yield k
    }
  }

  private find(id: KeyId): number {
    const { key } = keyOfId(id)
    const place = this.placeOf(fingerprintIn(key, 0, key.length), key, 0, key.length)
    return place < 0 ? -1 : this.places[place] - 1
  }

  /** The place of a key, or where it would be; -1 when that is too far away. */
  private placeOf(fingerprint: number, buf: Buffer, start: number, end: number): number {
    const { frame, fingerprints, places, first, step, mask } = this
    let place = (fingerprint & mask) >>> 0
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const k = places[place] - 1
      if (k < 0) return place
      if (fingerprints[k] === fingerprint) {
        const i = first + k * step
        if (buf.compare(frame.buf, frame.argStart[i], frame.argEnd[i], start, end) === 0) return place
      }
      place = (place + 1) & mask
    }
    return -1
  }
}
