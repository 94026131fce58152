import { lowerWord } from '../../base/ascii.js'
import { error, type Reply } from '../../resp/encode.js'

export const NOT_AN_INTEGER = error('ERR value is not an integer or out of range')
export const SYNTAX_ERROR = error('ERR syntax error')

/** An integer as Redis reads it, strict decimal; undefined when it is none or does not fit into 64 bits [Redis util.c string2ll]. */
export function parseInt64(bytes: Buffer): bigint | undefined {
  const text = bytes.length <= 20 ? bytes.toString('latin1') : ''
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return undefined
  const value = BigInt(text)
  return value === BigInt.asIntN(64, value) ? value : undefined
}

/** An integer of 32 bits, or the error that Redis has for it [Redis object.c getIntFromObjectOrReply]. */
export function parseInt32(bytes: Buffer): number | Reply {
  const value = parseInt64(bytes)
  if (value === undefined) return NOT_AN_INTEGER
  if (value === BigInt.asIntN(32, value)) return Number(value)
  return error('ERR value is out of range, value must between -2147483648 and 2147483647')
}

/** An option in lower case, as strcasecmp sees it. */
export const option = lowerWord

/** The bytes up to the first NUL: what C's `%s` prints and strcmp compares. */
export function cString(bytes: Buffer): Buffer {
  const nul = bytes.indexOf(0)
  return nul < 0 ? bytes : bytes.subarray(0, nul)
}

/** `ERR before'argument'after`, with the argument's bytes as they are, up to a NUL. */
export function errorNaming(before: string, argument: Buffer, after = ''): Reply {
  return error(Buffer.concat([Buffer.from(`ERR ${before}'`), cString(argument), Buffer.from(`'${after}`)]))
}
