import { error, type Reply } from '../../resp/encode.js'

const NO_FLOAT = error('ERR timeout is not a float or out of range')
const NEGATIVE = error('ERR timeout is negative')

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const HEXADECIMAL = /^([+-]?)0x([\da-f]+)(?:\.([\da-f]*))?(?:p([+-]?\d+))?$/i
const ENDLESS = /^[+-]?inf(inity)?$/i
/** What a long long of C holds. */
const MS_MAX = 2 ** 63

/**
 * How long a command waits, in ms, 0 for ever; or what is answered to a time that is none. Seconds as a C long double, up to the
 * next millisecond [Redis timeout.c getTimeoutFromObjectOrReply]; what is too long turns negative there.
 */
export function timeoutOf(arg: Buffer): number | Reply {
  const text = arg.length > 400 ? '' : arg.toString('latin1')
  if (ENDLESS.test(text)) return NEGATIVE
  const seconds = secondsOf(text)
  if (Number.isNaN(seconds)) return NO_FLOAT
  const ms = Math.ceil(seconds * 1000)
  if (ms < 0 || ms >= MS_MAX) return NEGATIVE
  // Less than a double can tell from nothing.
  return ms === 0 && seconds === 0 && /^[^e-]*[1-9]/i.test(text) ? 1 : ms + 0
}

function secondsOf(text: string): number {
  if (DECIMAL.test(text)) return Number(text)
  const [, sign, whole, fraction = '', exponent = '0'] = HEXADECIMAL.exec(text) ?? []
  if (whole === undefined) return Number.NaN
  const value = Number.parseInt(whole + fraction, 16) * 2 ** (Number(exponent) - 4 * fraction.length)
  return sign === '-' ? -value : value
}
