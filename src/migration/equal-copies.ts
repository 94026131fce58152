import type { Link } from '../backend/link.js'
import type { KeyId } from '../base/key-id.js'
import { knowFieldDeadlines } from './compare-hash.js'
import { differingValues } from './compare-value.js'
import { InStep, KEY, UnsettledError } from './in-step.js'

/** Whoever compares holds the key on both members himself. */
const NOTHING_ELSE_HELD = { isHeld: () => false, hold: () => () => {} }

/**
 * Whether a key that does not change now, because it is held on both members, is the same on them: type, value and deadline.
 * It is read in pieces. What cannot be compared counts as not the same; so do hashes whose fields may have deadlines.
 *
 * @param bytes about how much memory its value takes
 */
export async function isSameOnBoth(id: KeyId, bytes: number, one: Link, other: Link): Promise<boolean> {
  const copies = new InStep(NOTHING_ELSE_HELD, [one, other], id)
  const isSame = async (...args: readonly (Buffer | string)[]) => {
    const [first, second] = await copies.all(...args)
    return first.equals(second) ? first : undefined
  }
  try {
    const reply = await isSame('TYPE', KEY)
    const type = reply?.latin1Slice(1, reply.length - 2)
    if (type === undefined || type === 'none') return false
    if (type === 'hash' && (await knowFieldDeadlines(copies)).includes(true)) return false
    if (!IN_PIECES.has(type)) return false
    const [, differs] = await differingValues(copies, { type, bytes })
    return !differs && (await isSame('PEXPIRETIME', KEY)) !== undefined
  } catch (error) {
    if (error instanceof UnsettledError) return false
    throw error
  }
}

const IN_PIECES: ReadonlySet<string> = new Set(['string', 'list', 'set', 'zset', 'hash', 'stream'])
