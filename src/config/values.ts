import { z } from 'zod'
import { addressIn } from '../base/address-text.js'
import { bindWords, isNoAddress } from '../base/bind-addresses.js'
import { faultOfKeyGroups } from '../base/key-groups.js'

/* What the values of settings may be: each check takes what YAML gives, and the text of an environment variable. */

export const day = 86_400_000
export const kilobyte = 1024
export const megabyte = 1024 * kilobyte
export const gigabyte = 1024 * megabyte

/** The suffixes of redis.conf: `k` is a thousand, `kb` is 1024 [Redis util.c memtoull]. */
const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: kilobyte,
  m: 1_000_000,
  mb: megabyte,
  g: 1_000_000_000,
  gb: gigabyte,
}

const numberOrText = (expected: string) => z.union([z.number(), z.string()], { error: expected })

export function whole(min: number, max: number, unit = '') {
  const expected = `must be a whole number${unit && ` of ${unit}`} from ${min} to ${max}`
  return numberOrText(expected).transform((value, context) => {
    const number = typeof value === 'number' ? value : /^[0-9]+$/.test(value) ? Number(value) : Number.NaN
    if (Number.isInteger(number) && number >= min && number <= max) return number
    context.addIssue({ code: 'custom', message: expected, input: value })
    return z.NEVER
  })
}

export function fraction() {
  const expected = 'must be a number from 0 to 1'
  return numberOrText(expected).transform((value, context) => {
    const number = typeof value === 'number' ? value : value.trim() === '' ? Number.NaN : Number(value)
    if (number >= 0 && number <= 1) return number
    context.addIssue({ code: 'custom', message: expected, input: value })
    return z.NEVER
  })
}

export const milliseconds = (min: number, max = day) => whole(min, max, 'milliseconds')

export function bytes(min: number, max: number) {
  const expected = `must be a size from ${min} to ${max} bytes, as 1048576, 1024kb or 1mb`
  return numberOrText(expected).transform((value, context) => {
    const match = /^([0-9]+) ?([a-z]*)$/i.exec(String(value))
    const size = match ? Number(match[1]) * (unitBytes[match[2].toLowerCase()] ?? Number.NaN) : Number.NaN
    if (Number.isInteger(size) && size >= min && size <= max) return size
    context.addIssue({ code: 'custom', message: expected, input: value })
    return z.NEVER
  })
}

/** Text that is not empty. A number or `yes` that YAML would read as something else than text needs quotes. */
export const text = () => {
  const expected = 'must be text that is not empty (a number needs quotes)'
  return z.string({ error: expected }).min(1, { error: expected })
}

export const oneOf = <const T extends readonly string[]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(', ')}` })

export const addresses = () => {
  const expected = 'must be a list of different host:port'
  return z
    .union([z.array(z.string({ error: expected })), z.string().transform((value) => value.split(','))], {
      error: expected,
    })
    .transform((list, context) => {
      const parsed = list.map((each) => addressIn(each.trim())).filter((address) => address !== undefined)
      const different = new Set(parsed.map(({ host, port }) => `${host} ${port}`))
      if (list.length > 0 && different.size === list.length) return parsed
      context.addIssue({ code: 'custom', message: expected, input: list })
      return z.NEVER
    })
}

const COMMAND_NAME = /^[a-z_][a-z0-9_.-]{0,63}$/i

/** Of commands and of modules, as servers say them: `JSON.SET`, `vectorset`. Of a subcommand its container counts. */
export const commandNames = () => {
  const expected = 'must be a list of different names of commands or modules, such as vectorset or JSON.SET'
  return z
    .union([z.array(z.string({ error: expected })), z.string().transform((value) => value.split(','))], {
      error: expected,
    })
    .transform((list, context) => {
      const trimmed = list.map((name) => name.trim())
      const different = new Set(trimmed.map((name) => name.toLowerCase()))
      if (trimmed.every((name) => COMMAND_NAME.test(name)) && different.size === trimmed.length) return trimmed
      context.addIssue({ code: 'custom', message: expected, input: list })
      return z.NEVER
    })
}

/** Addresses to listen on, as a list or as the line of `bind` in redis.conf: `127.0.0.1 -::1`. */
export function hosts() {
  const expected = 'must be one or several different addresses, such as 127.0.0.1 or "127.0.0.1 -::1"'
  return z
    .union([z.array(z.string({ error: expected })), z.string()], { error: expected })
    .transform((value, context) => {
      const words = typeof value === 'string' ? bindWords(value) : value
      const fits = words.every((word) => /^-?[^-\s,][^\s,]*$/.test(word) && !isNoAddress(word.replace('-', '')))
      if (words.length > 0 && fits && new Set(words).size === words.length) return words.join(' ')
      context.addIssue({ code: 'custom', message: expected, input: value })
      return z.NEVER
    })
}

/** Rights of a file, as digits of base eight; 0 leaves them to the system. */
export function permissions() {
  const expected = 'must be three octal digits, such as 770, or 0'
  return numberOrText(expected).transform((value, context) => {
    const digits = String(value)
    if (/^(?:0|0?[0-7]{3})$/.test(digits)) return digits === '0' ? digits : digits.slice(-3)
    context.addIssue({ code: 'custom', message: expected, input: value })
    return z.NEVER
  })
}

/** A version of Redis, such as 7.0.15. */
export const version = () => {
  const expected = 'must be a version of three numbers in quotes, such as "7.0.15"'
  return z.string({ error: expected }).regex(/^\d{1,3}\.\d{1,3}\.\d{1,3}$/, { error: expected })
}

/** Users in the syntax of an ACL file, as a list of lines, or in lines. */
export function userLines() {
  const expected = "must be a list of lines such as 'user alice on >password ~alice:* +@all'"
  const text = z.string({ error: expected })
  return z.union([z.array(text), text.transform((lines) => lines.split('\n'))], { error: expected })
}

/** Patterns of keys that belong together, as a list or in a line with commas. */
export function keyGroups() {
  const expected = 'must be a list of patterns such as bull:{*}:*'
  return z
    .union([z.array(z.string({ error: expected })), z.string().transform((value) => value.split(','))], {
      error: expected,
    })
    .transform((list, context) => {
      const patterns = list.map((pattern) => pattern.trim())
      const fault = faultOfKeyGroups(patterns)
      if (fault === undefined) return patterns
      context.addIssue({ code: 'custom', message: fault, input: list })
      return z.NEVER
    })
}

const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const

/** As `tls-protocols` of Redis, less those that are not safe any more. */
export const protocols = () => {
  const expected = `must be one or more of ${TLS_VERSIONS.join(', ')}, with spaces between them`
  return z.string({ error: expected }).transform((value, context) => {
    const words = value.split(/[ ,]+/)
    const chosen = TLS_VERSIONS.filter((version) => words.some((word) => word.toLowerCase() === version.toLowerCase()))
    if (chosen.length > 0 && chosen.length === words.length) return chosen
    context.addIssue({ code: 'custom', message: expected, input: value })
    return z.NEVER
  })
}

/** A certificate and its key belong together. */
export function pairs(cert: string, key: string) {
  return (section: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void => {
    const given = (name: string) => section[name] !== undefined
    const fault = (name: string, message: string) => context.addIssue({ code: 'custom', path: [name], message })
    if (given(cert) && !given(key)) fault(key, `must be given with ${cert}, whose key it is`)
    if (given(key) && !given(cert)) fault(cert, `must be given with ${key}, which is its key`)
  }
}
