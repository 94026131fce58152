import { argsOfWord } from '../command/options.js'
import type { CommandRow } from '../command/row.js'
import { type Frame, frameOf } from '../resp/frame.js'

/**
 * Relative times become absolute before a write leaves the proxy, so that all replicas expire the key at the same
 * moment [design §7 absolute]. A command that would fail is left as it is: the error names the command
 * [redis-facts How writes replicate].
 */

const LLONG_MAX = 2n ** 63n - 1n
const LLONG_MIN = -(2n ** 63n)
/** A moment, in ms since 1970, that has passed by the clock of every server. */
const PASSED = 1n
const EXPIRY_OPTIONS = new Set(['EX', 'PX', 'EXAT', 'PXAT'])

/** Whether the command is long enough to name a time: a plain SET does not need to know what time it is. */
export function mayHaveTime(row: CommandRow, frame: Frame): boolean {
  return row.time !== 'words' || frame.argc !== row.options!.from
}

/**
 * The command with its relative time as an absolute one, or the same frame when it has none, or would fail.
 *
 * @param nowMs the clock of the key's master in ms since 1970
 */
export function toAbsolute(row: CommandRow, frame: Frame, nowMs: number): Frame {
  const now = BigInt(Math.floor(nowMs))
  switch (row.time) {
    case 'words':
      return setOptions(row, frame, now)
    case 's value':
      return setWithTtl(frame, now, 1000n)
    case 'ms value':
      return setWithTtl(frame, now, 1n)
    case 's':
      return expire(frame, now, 1000n)
    case 'ms':
      return expire(frame, now, 1n)
    case 'payload':
      return restore(row, frame, now)
    default:
      return frame
  }
}

/** SET key value […] and GETEX key […] [Redis t_string.c parseExtendedStringArgumentsOrReply]. */
function setOptions(row: CommandRow, frame: Frame, now: bigint): Frame {
  const first = row.options!.from
  const kept: Buffer[] = []
  let expiry: Buffer[] | undefined
  for (let i = first; i < frame.argc; i++) {
    const option = upper(frame, i)
    if (!EXPIRY_OPTIONS.has(option)) {
      const last = Math.min(i + argsOfWord(row, frame, i), frame.argc - 1)
      for (; i < last; i++) kept.push(argument(frame, i))
      kept.push(argument(frame, i))
      continue
    }
    // The same option may stand twice, then the last counts; two different ones are a syntax error.
    if (i + 1 === frame.argc || (expiry !== undefined && expiry[0].toString().toUpperCase() !== option)) return frame
    expiry = [argument(frame, i), argument(frame, ++i)]
  }
  if (expiry === undefined) return frame
  const unit = expiry[0].toString().toUpperCase()
  if (unit === 'EXAT' || unit === 'PXAT') return frame
  const at = deadline(expiry[1], now, unit === 'EX' ? 1000n : 1n)
  if (at === undefined) return frame
  const head = Array.from({ length: first }, (_, i) => argument(frame, i))
  return frameOf([...head, ...kept, 'PXAT', at])
}

/** SETEX and PSETEX key ttl value. */
function setWithTtl(frame: Frame, now: bigint, unitMs: bigint): Frame {
  const at = deadline(argument(frame, 2), now, unitMs)
  return at === undefined ? frame : frameOf(['SET', argument(frame, 1), argument(frame, 3), 'PXAT', at])
}

/**
 * EXPIRE and PEXPIRE key ttl [options]; zero and negative ttls are fine, the key is gone at once [Redis expire.c expireGenericCommand].
 * So are they on every server then, also where the clock is a millisecond behind what we think of it.
 */
function expire(frame: Frame, now: bigint, unitMs: bigint): Frame {
  const ttl = integer(argument(frame, 2))
  if (ttl === undefined || ttl > LLONG_MAX / unitMs || ttl < LLONG_MIN / unitMs) return frame
  const at = ttl <= 0n ? PASSED : ttl * unitMs + now
  if (at > LLONG_MAX) return frame
  const options = Array.from({ length: frame.argc - 3 }, (_, i) => argument(frame, i + 3))
  return frameOf(['PEXPIREAT', argument(frame, 1), String(at), ...options])
}

/** RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME s] [FREQ n]; ttl 0 is no expiry. */
function restore(row: CommandRow, frame: Frame, now: bigint): Frame {
  for (let i = 4; i < frame.argc; i += 1 + argsOfWord(row, frame, i)) if (upper(frame, i) === 'ABSTTL') return frame
  const at = deadline(argument(frame, 2), now, 1n)
  if (at === undefined) return frame
  const args = Array.from({ length: frame.argc }, (_, i) => argument(frame, i))
  // Before the other words, of which the last may lack what belongs to it.
  return frameOf([args[0], args[1], at, args[3], 'ABSTTL', ...args.slice(4)])
}

/** The moment `ttl` units after now in ms, or undefined when Redis would refuse it [Redis t_string.c getExpireMillisecondsOrReply]. */
function deadline(ttl: Buffer, now: bigint, unitMs: bigint): string | undefined {
  const value = integer(ttl)
  if (value === undefined || value <= 0n || value > LLONG_MAX / unitMs) return undefined
  const at = value * unitMs + now
  return at > LLONG_MAX ? undefined : String(at)
}

/** What Redis takes for an integer: no sign but minus, no leading zeros, 64 bits [Redis util.c string2ll]. */
function integer(bytes: Buffer): bigint | undefined {
  const text = bytes.length <= 20 ? bytes.toString('latin1') : ''
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return undefined
  const value = BigInt(text)
  return value > LLONG_MAX || value < LLONG_MIN ? undefined : value
}

function argument(frame: Frame, i: number): Buffer {
  return frame.buf.subarray(frame.argStart[i], frame.argEnd[i])
}

function upper(frame: Frame, i: number): string {
  const length = frame.argEnd[i] - frame.argStart[i]
  return length > 16 ? '' : frame.buf.latin1Slice(frame.argStart[i], frame.argEnd[i]).toUpperCase()
}
