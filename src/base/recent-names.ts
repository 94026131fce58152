import { type KeyId, keyId } from './key-id.js'

/** A power of two. */
const PLACES = 16 * 1024
/** What is longer costs its name little, beside what else is done for it. */
const BYTES_MAX = 128

/**
 * The names of keys of database 0 that were asked for lately, each at the place that its bytes say: to make one from its bytes, and to look
 * that up for the first time, takes longer than all else that is done to remember who reads a key.
 */
export class RecentNames {
  private names: string[] = []

  /** The same as `keyId` gives. */
  of(buf: Buffer, start: number, end: number): KeyId {
    if (end - start > BYTES_MAX) return keyId(0, buf, start, end)
    if (this.names.length === 0) this.names = new Array<string>(PLACES).fill('')
    let hash = end - start
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ buf[i], 0x01000193)
    const place = (hash ^ (hash >>> 15)) & (PLACES - 1)
    const known = this.names[place]
    if (isNameOf(known, buf, start, end)) return known
    const name = keyId(0, buf, start, end) as string
    this.names[place] = name
    return name
  }
}

/** Behind `0:` stands the key, one character a byte. */
function isNameOf(name: string, buf: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start + 2) return false
  for (let i = start, at = 2; i < end; i++, at++) if (name.charCodeAt(at) !== buf[i]) return false
  return true
}
