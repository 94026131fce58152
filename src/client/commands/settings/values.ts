/*
 * How the values of CONFIG SET are read, with the words that Redis has for those that are wrong [Redis config.c numericParseString,
 * numericBoundaryCheck, enumConfigSet]. Each gives what is wrong as text.
 */

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
}

export const INT_MAX = 2n ** 31n - 1n
export const UINT_MAX = 2n ** 32n - 1n
export const LONG_MAX = 2n ** 63n - 1n

/** A whole number; one that is beyond what can be told apart here means that much. */
export function wholeIn(value: string, min: bigint, max: bigint): number | string {
  if (!/^(0|-?[1-9][0-9]*)$/.test(value) || value.length > 20) return "argument couldn't be parsed into an integer"
  const number = BigInt(value)
  if (number !== BigInt.asIntN(64, number)) return "argument couldn't be parsed into an integer"
  return bounded(number, min, max)
}

/** Bytes, with a unit. */
export function memoryIn(value: string, min: bigint, max: bigint): number | string {
  const bytes = bytesIn(value)
  return bytes === undefined ? 'argument must be a memory value' : bounded(BigInt(bytes), min, max)
}

export function wordIn<T extends string>(value: string, words: readonly T[]): { readonly word: T } | string {
  const word = words.find((each) => each === value.toLowerCase())
  return word === undefined ? `argument(s) must be one of the following: ${words.join(', ')}` : { word }
}

export function yesOrNo(value: string): 'yes' | 'no' | undefined {
  const word = value.toLowerCase()
  return word === 'yes' || word === 'no' ? word : undefined
}

/** [Redis util.c memtoull], to which no digits are 0; undefined when it is none. */
export function bytesIn(word: string): number | undefined {
  const [, digits, unit] = /^(\d*)([a-z]*)$/i.exec(word) ?? []
  const factor = unit === undefined ? undefined : UNITS[unit.toLowerCase()]
  return factor === undefined ? undefined : Number(digits) * factor
}

function bounded(number: bigint, min: bigint, max: bigint): number | string {
  return number < min || number > max ? `argument must be between ${min} and ${max} inclusive` : Number(number)
}
