import { wallClockUs } from '../../base/clock.js'
import { type ErrorReply, error } from '../../resp/encode.js'
import { offers } from '../ring-version.js'
import type { Server } from '../server.js'
import { parseInt64 } from './arguments.js'

const INT64_MAX = 2n ** 63n - 1n
const NO_INTEGER = error('ERR timeout is not an integer or out of range')
const NEGATIVE = error('ERR timeout is negative')
const TOO_LATE = error('ERR timeout is out of range')

/** A time in ms, or what is answered to one that is none [Redis timeout.c getTimeoutFromObjectOrReply]. */
export function timeoutOf(ring: Pick<Server, 'config' | 'order'>, arg: Buffer): number | ErrorReply {
  const ms = parseInt64(arg)
  if (ms === undefined) return NO_INTEGER
  if (ms < 0n) return NEGATIVE
  if (ms > INT64_MAX - BigInt(wallClockUs()) / 1000n) {
    // Older ones take it for a time that has passed: the sum with theirs is negative.
    return offers(ring, 'time-outs that no clock reaches are refused') ? TOO_LATE : 0
  }
  return Number(ms)
}
