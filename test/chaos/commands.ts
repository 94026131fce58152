import { command } from '../helpers/raw-client.js'
import type { Node } from '../helpers/raw-reply.js'
import { ERROR_REPLY } from './checkers/honesty.js'
import { VALUE_PATTERN } from './checkers/provenance.js'
import type { Outcome, Value } from './history.js'

/** What a client means to do, before it is done. */
export interface Plan {
  readonly workload: string
  /** One character a byte. */
  readonly key: string
  readonly name: string
  readonly args: readonly (string | number)[]
}

interface Form {
  /** Whether it leaves everything as it is. */
  readonly read?: boolean
  /** The command; `args` come as the plan has them, values made long already. */
  encode(key: Buffer, args: readonly string[]): (Buffer | string)[]
  /** What the reply says, when that is not the plain value. */
  decode?(value: Value): Value
}

/** The content that a deadline aimed at, as `checkers/deadline.ts` wants it told. */
const what = (old: boolean, fresh: boolean): Value => (old ? 'both' : fresh ? 'new' : '')

/** How the operations of each workload look as commands. */
const FORMS: Readonly<Record<string, Readonly<Record<string, Form>>>> = {
  register: {
    get: { read: true, encode: (key) => ['GET', key] },
    set: { encode: (key, [value]) => ['SET', key, value] },
    setnx: { encode: (key, [value]) => ['SETNX', key, value] },
    swap: { encode: (key, [value]) => ['SET', key, value, 'GET'] },
    getdel: { encode: (key) => ['GETDEL', key] },
    del: { encode: (key) => ['DEL', key] },
  },
  counter: {
    incr: { encode: (key) => ['INCR', key] },
    get: { read: true, encode: (key) => ['GET', key] },
  },
  list: {
    rpush: { encode: (key, [value]) => ['RPUSH', key, value] },
    lrange: { read: true, encode: (key) => ['LRANGE', key, '0', '-1'] },
    llen: { read: true, encode: (key) => ['LLEN', key] },
  },
  set: {
    sadd: { encode: (key, [member]) => ['SADD', key, member] },
    srem: { encode: (key, [member]) => ['SREM', key, member] },
    spop: { encode: (key) => ['SPOP', key] },
    smembers: { read: true, encode: (key) => ['SMEMBERS', key] },
    sismember: { read: true, encode: (key, [member]) => ['SISMEMBER', key, member] },
  },
  hash: {
    hset: { encode: (key, [field, value]) => ['HSET', key, field, value] },
    hsetnx: { encode: (key, [field, value]) => ['HSETNX', key, field, value] },
    hdel: { encode: (key, [field]) => ['HDEL', key, field] },
    hget: { read: true, encode: (key, [field]) => ['HGET', key, field] },
    hgetall: { read: true, encode: (key) => ['HGETALL', key] },
  },
  expiring: {
    get: { read: true, encode: (key) => ['GET', key] },
    set: { encode: (key, [value]) => ['SET', key, value] },
    setpx: { encode: (key, [value, ms]) => ['SET', key, value, 'PX', ms] },
    setpxat: { encode: (key, [value, ms]) => ['SET', key, value, 'PXAT', ms] },
    setkeep: { encode: (key, [value]) => ['SET', key, value, 'KEEPTTL'] },
    pexpire: { encode: (key, [ms]) => ['PEXPIRE', key, ms] },
    persist: { encode: (key) => ['PERSIST', key] },
  },
  stream: {
    xadd: { encode: (key, [id, value]) => ['XADD', key, id, 'f', value] },
    xrange: { read: true, encode: (key) => ['XRANGE', key, '-', '+'] },
  },
  echo: {
    echo: { read: true, encode: (_key, [text]) => ['ECHO', text] },
  },
  // The keys of this workload have the type in their names: `create` makes the old content, `expire` gives it the deadline.
  'deadline hash': {
    create: { encode: (key) => ['HSET', key, 'old', '1'] },
    expire: { encode: (key, [ms]) => ['PEXPIREAT', key, ms] },
    aim: { encode: (key) => ['HSET', key, 'new', '1'] },
    look: { read: true, encode: (key) => ['HGETALL', key], decode: (value) => lookInto(value, 'old', 'new') },
  },
  'deadline set': {
    create: { encode: (key) => ['SADD', key, 'old'] },
    expire: { encode: (key, [ms]) => ['PEXPIREAT', key, ms] },
    aim: { encode: (key) => ['SADD', key, 'new'] },
    look: { read: true, encode: (key) => ['SMEMBERS', key], decode: (value) => lookInto(value, 'old', 'new') },
  },
  'deadline counter': {
    create: { encode: (key) => ['SET', key, '1000'] },
    expire: { encode: (key, [ms]) => ['PEXPIREAT', key, ms] },
    aim: { encode: (key) => ['INCR', key] },
    look: { read: true, encode: (key) => ['GET', key], decode: (value) => what(Number(value) >= 1000, value === '1') },
  },
  'deadline string': {
    create: { encode: (key) => ['SET', key, 'old'] },
    expire: { encode: (key, [ms]) => ['PEXPIREAT', key, ms] },
    aim: { encode: (key) => ['SET', key, 'new', 'KEEPTTL'] },
    look: { read: true, encode: (key) => ['GET', key], decode: (value) => what(value === 'old', value === 'new') },
  },
}

/** The types that keys of the workload `deadline` have, as the first part of their names. */
export const DEADLINE_TYPES = ['hash', 'set', 'counter', 'string'] as const

function lookInto(value: Value, old: string, fresh: string): Value {
  const items = value as readonly Value[]
  return what(items.includes(old), items.includes(fresh))
}

function formOf({ workload, key, name }: Plan): Form {
  const form = FORMS[workload === 'deadline' ? `deadline ${key.slice(0, key.indexOf(':'))}` : workload]?.[name]
  if (form === undefined) throw new Error(`there is no command for ${workload} ${name}`)
  return form
}

/** Whether the operation leaves its key as it is. */
export function isRead(plan: Plan): boolean {
  return formOf(plan).read === true
}

/** The bytes of the command. */
export function encode(plan: Plan): Buffer {
  const args = plan.args.map((arg) => lengthen(String(arg)))
  return command(...formOf(plan).encode(Buffer.from(plan.key, 'latin1'), args))
}

/** What a reply tells the client about its operation. */
export function outcomeOf(plan: Plan, reply: Node): Outcome {
  if (reply.type === '-' && 'text' in reply) return outcomeOfError(plan, reply.text)
  const value = plain(reply)
  return { kind: 'ok', value: formOf(plan).decode?.(value) ?? value }
}

/** Redis's own words for a command that it has not run. */
const REFUSED =
  /^(CLUSTERDOWN|OOM|MISCONF|LOADING|BUSY|NOREPLICAS|READONLY|TRYAGAIN|MASTERDOWN|WRONGTYPE|NOAUTH|NOPERM) /
/** The errors of commands that cannot be run as they are, which change nothing. */
const IMPOSSIBLE =
  /^ERR (unknown command|wrong number of arguments|The ID specified in XADD|value is not an integer|syntax error)/

function outcomeOfError(plan: Plan, error: string): Outcome {
  const saysUnknown = /outcome\b.*\bunknown\b/.test(error)
  const saysNot = /not applied|not supported yet/.test(error)
  if (isRead(plan) || (!saysUnknown && (saysNot || REFUSED.test(error) || IMPOSSIBLE.test(error)))) {
    return { kind: 'failed', error }
  }
  return { kind: 'unknown', reason: `${ERROR_REPLY}${error}` }
}

function plain(reply: Node): Value {
  if ('items' in reply) return reply.items.map(plain)
  const { type, text } = reply
  if (type === '_' || ('$*'.includes(type) && text === '-1')) return null
  return type === ':' ? Number(text) : shorten(text)
}

/** Some values are long, so that replies come in several pieces and large ones take other ways in the proxy. */
function lengthen(arg: string): string {
  if (!VALUE_PATTERN.test(arg)) return arg
  const { length, fill } = filling(arg)
  return length === 0 ? arg : `${arg}|${fill.repeat(length)}`
}

/** The value that was made long, or a text that is no value when bytes of it are missing or changed. */
function shorten(text: string): string {
  const bar = text.indexOf('|')
  const value = bar < 0 ? text : text.slice(0, bar)
  if (!VALUE_PATTERN.test(value)) return text
  return lengthen(value) === text ? value : `damaged:${text.slice(0, 100)} (${text.length} bytes)`
}

function filling(value: string): { length: number; fill: string } {
  let sum = 7
  for (const char of value) sum = (Math.imul(sum, 31) + char.charCodeAt(0)) >>> 0
  const length = sum % 24 === 0 ? 20_000 + (sum % 9000) : sum % 12 === 1 ? 100 + (sum % 400) : 0
  return { length, fill: String.fromCharCode(97 + (sum % 26)) }
}
