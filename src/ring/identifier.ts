import farmhash from 'farmhash'
import { KeyGroups } from '../base/key-groups.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import { fingerprintOf } from './fingerprint.js'

/** From this size on the native function is faster than ours. */
const NATIVE_BYTES = 200

/**
 * The 32-bit position of some bytes on the ring, 0 … 2^32 - 1; strings are taken as UTF-8. Farmhash's fingerprint
 * functions are the ones that answer the same on every platform and in every version, which a ring whose data
 * outlives the process needs [design §3 identifier].
 */
export function fingerprint32(bytes: Buffer | string): number {
  return farmhash.fingerprint32(bytes)
}

/** The identifier of the `i`-th virtual node of the member called `name`. */
export function identifierOfVirtualNode(name: string, i: number): number {
  return farmhash.fingerprint32(`${name}#${i}`)
}

const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** Which keys belong together without a tag; undefined when none do. */
let groups: KeyGroups | undefined

/**
 * From now on keys are placed by these patterns, too [design §3 key group]. It is set once, before anything is placed: a process has
 * one ring, and the patterns are part of what it is.
 */
export function placeByGroups(patterns: readonly string[]): void {
  groups = patterns.length === 0 ? undefined : new KeyGroups(patterns)
}

/**
 * The identifier of the key that lies in `buf` from `start` up to `end`: the fingerprint of its hash-tag part, or of
 * the whole key when it has none, so that keys with the same tag share a replica set. The tag is what stands between
 * the first `{` and the first `}` after it, unless that is nothing [Redis cluster.c keyHashSlot]. A key without one is placed by its
 * group, if it is in one.
 */
export function identifierOfKey(buf: Buffer, start: number, end: number): number {
  let open = start
  while (open < end && buf[open] !== OPEN_BRACE) open++
  if (open < end) {
    let close = open + 1
    while (close < end && buf[close] !== CLOSE_BRACE) close++
    if (close < end && close > open + 1) return fingerprintIn(buf, open + 1, close)
  }
  return fingerprintIn(buf, start, groups === undefined ? end : endOfGroup(groups, buf, start, end))
}

/** The same of a key that is called by its name, in whatever database. */
export function identifierOfId(id: KeyId): number {
  const { key } = keyOfId(id)
  return identifierOfKey(key, 0, key.length)
}

function endOfGroup(groups: KeyGroups, buf: Buffer, start: number, end: number): number {
  const groupEnd = groups.endOfGroup(buf, start, end)
  return groupEnd < 0 ? end : groupEnd
}

/** How many of a key's first bytes place it, when it has no tag and is in a group; else -1. */
export function groupOfKey(key: Buffer): number {
  const open = key.indexOf(OPEN_BRACE)
  const isTagged = open >= 0 && key.indexOf(CLOSE_BRACE, open + 1) > open + 1
  return groups === undefined || isTagged ? -1 : groups.endOfGroup(key, 0, key.length)
}

/** The fingerprint of the bytes of `buf` from `start` up to `end`. */
export function fingerprintIn(buf: Buffer, start: number, end: number): number {
  return end - start < NATIVE_BYTES ? fingerprintOf(buf, start, end) : farmhash.fingerprint32(buf.subarray(start, end))
}
