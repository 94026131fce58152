import { command } from '../helpers/raw-client.js'
import type { Node } from '../helpers/raw-reply.js'
import { ERROR_REPLY, SAYS_UNKNOWN, WRONG_KIND } from './checkers/honesty.js'
import { VALUE_PATTERN } from './checkers/provenance.js'
import { NAMES } from './checkers/tagged.js'
import { type Form, inMulti, KINDS, type Words } from './form.js'
import type { Outcome, Value } from './history.js'
import { CACHING, CHANNEL } from './listening-commands.js'
import { QUEUE } from './queue-commands.js'
import { SCRIPT_FORMS } from './scripts.js'
import { SEVERAL_FORMS } from './several-commands.js'

/** What a client means to do, before it is done. */
export interface Plan {
  readonly workload: string
  /** One character a byte. */
  readonly key: string
  readonly name: string
  readonly args: readonly (string | number)[]
}

/** The content that a deadline aimed at, as `checkers/deadline.ts` wants it told. */
const what = (old: boolean, fresh: boolean): Value => (old ? 'both' : fresh ? 'new' : '')

const REGISTER: Readonly<Record<string, Form>> = {
  get: { reply: 'text or nil', read: true, encode: (key) => ['GET', key] },
  set: { reply: 'ok', encode: (key, [value]) => ['SET', key, value] },
  setnx: { reply: 'integer', encode: (key, [value]) => ['SETNX', key, value] },
  swap: { reply: 'text or nil', encode: (key, [value]) => ['SET', key, value, 'GET'] },
  getdel: { reply: 'text or nil', encode: (key) => ['GETDEL', key] },
  del: { reply: 'integer', encode: (key) => ['DEL', key] },
  // Of several keys by one command, which answers how many there were.
  wipe: { reply: 'integer', encode: (key) => ['DEL', key] },
  unlink: { reply: 'integer', encode: (key) => ['UNLINK', key] },
  // Of all keys that there are.
  flushall: { reply: 'ok', encode: () => ['FLUSHALL'] },
}

const NO_SUCH_KEY = [/^ERR no such key/, 'none'] as const

/** How the operations of each workload look as commands. */
const FORMS: Readonly<Record<string, Readonly<Record<string, Form>>>> = {
  register: REGISTER,
  ...SEVERAL_FORMS,
  ...SCRIPT_FORMS,
  queue: QUEUE,
  channel: CHANNEL,
  caching: CACHING,
  // Their keys are registers, too, and there is one operation more on all of them.
  flushed: { ...REGISTER, flushdb: { reply: 'ok', encode: () => ['FLUSHDB'] } },
  swapped: { ...REGISTER, swapdb: { reply: 'ok', encode: (_key, dbs) => ['SWAPDB', ...dbs] } },
  counter: {
    incr: { reply: 'integer', encode: (key) => ['INCR', key] },
    get: { reply: 'text or nil', read: true, encode: (key) => ['GET', key] },
  },
  list: {
    rpush: { reply: 'integer', encode: (key, [value]) => ['RPUSH', key, value] },
    lrange: { reply: 'texts', read: true, encode: (key) => ['LRANGE', key, '0', '-1'] },
    llen: { reply: 'integer', read: true, encode: (key) => ['LLEN', key] },
  },
  set: {
    sadd: { reply: 'integer', encode: (key, [member]) => ['SADD', key, member] },
    srem: { reply: 'integer', encode: (key, [member]) => ['SREM', key, member] },
    spop: { reply: 'text or nil', encode: (key) => ['SPOP', key] },
    smembers: { reply: 'texts', read: true, encode: (key) => ['SMEMBERS', key] },
    sismember: { reply: 'integer', read: true, encode: (key, [member]) => ['SISMEMBER', key, member] },
  },
  hash: {
    hset: { reply: 'integer', encode: (key, [field, value]) => ['HSET', key, field, value] },
    hsetnx: { reply: 'integer', encode: (key, [field, value]) => ['HSETNX', key, field, value] },
    hdel: { reply: 'integer', encode: (key, [field]) => ['HDEL', key, field] },
    hget: { reply: 'text or nil', read: true, encode: (key, [field]) => ['HGET', key, field] },
    hgetall: { reply: 'texts', read: true, encode: (key) => ['HGETALL', key] },
  },
  cas: {
    ...REGISTER,
    watch: {
      reply: 'text or nil',
      read: true,
      encode: (key) => [
        ['WATCH', key],
        ['GET', key],
      ],
    },
    cas: { reply: 'all or nothing', mayBeLate: true, encode: (key, [value]) => inMulti(['SET', key, value]) },
  },
  expiring: {
    get: { reply: 'text or nil', read: true, encode: (key) => ['GET', key] },
    set: { reply: 'ok', encode: (key, [value]) => ['SET', key, value] },
    setpx: { reply: 'ok', encode: (key, [value, ms]) => ['SET', key, value, 'PX', ms] },
    setpxat: { reply: 'ok', encode: (key, [value, ms]) => ['SET', key, value, 'PXAT', ms] },
    setkeep: { reply: 'ok', encode: (key, [value]) => ['SET', key, value, 'KEEPTTL'] },
    pexpire: { reply: 'integer', encode: (key, [ms]) => ['PEXPIRE', key, ms] },
    persist: { reply: 'integer', encode: (key) => ['PERSIST', key] },
  },
  tagged: {
    set: { reply: 'ok', encode: (key, [name, value]) => ['SET', named(key, name), value] },
    get: { reply: 'text or nil', read: true, encode: (key, [name]) => ['GET', named(key, name)] },
    mget: { reply: 'texts or nils', read: true, encode: (key) => ['MGET', ...NAMES.map((name) => named(key, name))] },
    rename: { reply: 'text', encode: (key, names) => ['RENAME', ...allNamed(key, names)], answers: NO_SUCH_KEY },
    renamenx: { reply: 'integer', encode: (key, names) => ['RENAMENX', ...allNamed(key, names)], answers: NO_SUCH_KEY },
    copy: { reply: 'integer', encode: (key, names) => ['COPY', ...allNamed(key, names), 'REPLACE'] },
    bitop: { reply: 'integer', encode: (key, [from, to]) => ['BITOP', 'OR', named(key, to), named(key, from)] },
    dels: { reply: 'integer', encode: (key, names) => ['DEL', ...allNamed(key, names)] },
    unlinks: { reply: 'integer', encode: (key, names) => ['UNLINK', ...allNamed(key, names)] },
  },
  // A key is one field of a hash with many of them, `fields:0#f7`: a register by itself.
  fields: {
    get: { reply: 'text or nil', read: true, encode: (key) => ['HGET', ...fieldOf(key)] },
    set: { reply: 'integer', encode: (key, [value]) => ['HSET', ...fieldOf(key), value] },
    setnx: { reply: 'integer', encode: (key, [value]) => ['HSETNX', ...fieldOf(key), value] },
    del: { reply: 'integer', encode: (key) => ['HDEL', ...fieldOf(key)] },
  },
  group: {
    create: {
      reply: 'text',
      encode: (key) => ['XGROUP', 'CREATE', key, 'g', '0', 'MKSTREAM'],
      answers: [/^BUSYGROUP /, 'is there'],
    },
    xadd: { reply: 'text', encode: (key, [value]) => ['XADD', key, 'MAXLEN', '~', '20', '*', 'f', value] },
    xreadgroup: {
      reply: 'any',
      encode: (key, [consumer]) => ['XREADGROUP', 'GROUP', 'g', consumer, 'COUNT', '3', 'STREAMS', key, '>'],
      decode: entriesIn,
    },
    xack: { reply: 'integer', encode: (key, [id]) => ['XACK', key, 'g', id] },
    xclaim: {
      reply: 'any',
      encode: (key, [consumer, id]) => ['XCLAIM', key, 'g', consumer, '0', id],
      decode: entriesIn,
    },
    xautoclaim: {
      reply: 'any',
      encode: (key, [consumer]) => ['XAUTOCLAIM', key, 'g', consumer, '0', '0', 'COUNT', '2'],
      decode: entriesIn,
    },
    xrange: { reply: 'entries', read: true, encode: (key) => ['XRANGE', key, '-', '+'] },
  },
  stream: {
    xadd: { reply: 'text', encode: (key, [id, value]) => ['XADD', key, id, 'f', value] },
    xrange: { reply: 'entries', read: true, encode: (key) => ['XRANGE', key, '-', '+'] },
  },
  echo: {
    echo: { reply: 'text', read: true, encode: (_key, [text]) => ['ECHO', text] },
  },
  // The keys of this workload have the type in their names: `create` makes the old content, `expire` gives it the deadline.
  'deadline hash': {
    create: { reply: 'integer', encode: (key) => ['HSET', key, 'old', '1'] },
    expire: { reply: 'integer', encode: (key, [ms]) => ['PEXPIREAT', key, ms] },
    aim: { reply: 'integer', encode: (key) => ['HSET', key, 'new', '1'] },
    look: {
      reply: 'texts',
      read: true,
      encode: (key) => ['HGETALL', key],
      decode: (value) => lookInto(value, 'old', 'new'),
    },
  },
  'deadline set': {
    create: { reply: 'integer', encode: (key) => ['SADD', key, 'old'] },
    expire: { reply: 'integer', encode: (key, [ms]) => ['PEXPIREAT', key, ms] },
    aim: { reply: 'integer', encode: (key) => ['SADD', key, 'new'] },
    look: {
      reply: 'texts',
      read: true,
      encode: (key) => ['SMEMBERS', key],
      decode: (value) => lookInto(value, 'old', 'new'),
    },
  },
  'deadline counter': {
    create: { reply: 'ok', encode: (key) => ['SET', key, '1000'] },
    expire: { reply: 'integer', encode: (key, [ms]) => ['PEXPIREAT', key, ms] },
    aim: { reply: 'integer', encode: (key) => ['INCR', key] },
    look: {
      reply: 'text or nil',
      read: true,
      encode: (key) => ['GET', key],
      decode: (value) => what(Number(value) >= 1000, value === '1'),
    },
  },
  // What was under the one name, and the deadline, is carried to the other one right behind a write that was aimed.
  'deadline moved': {
    create: { reply: 'integer', encode: (key) => ['HSET', named(key, 'from'), 'old', '1'] },
    expire: { reply: 'integer', encode: (key, [ms]) => ['PEXPIREAT', named(key, 'from'), ms] },
    touch: { reply: 'integer', encode: (key) => ['HSET', named(key, 'from'), 'new', '1'] },
    aim: { reply: 'ok', encode: (key) => ['RENAME', named(key, 'from'), named(key, 'to')] },
    look: {
      reply: 'texts',
      read: true,
      encode: (key) => ['HGETALL', named(key, 'to')],
      decode: (value) => lookInto(value, 'old', 'new'),
    },
  },
  'deadline copied': {
    create: { reply: 'ok', encode: (key) => ['SET', named(key, 'from'), 'old'] },
    expire: { reply: 'integer', encode: (key, [ms]) => ['PEXPIREAT', named(key, 'from'), ms] },
    touch: { reply: 'integer', encode: (key) => ['APPEND', named(key, 'from'), '+'] },
    aim: { reply: 'integer', encode: (key) => ['COPY', named(key, 'from'), named(key, 'to')] },
    look: {
      reply: 'text or nil',
      read: true,
      encode: (key) => ['GET', named(key, 'to')],
      decode: (value) => what(String(value ?? '').startsWith('old'), value === '+'),
    },
  },
  // What is stored has no deadline: whatever it found, it is the same everywhere.
  'deadline stored': {
    create: { reply: 'integer', encode: (key) => ['SADD', named(key, 'from'), 'old'] },
    expire: { reply: 'integer', encode: (key, [ms]) => ['PEXPIREAT', named(key, 'from'), ms] },
    touch: { reply: 'integer', encode: (key) => ['SADD', named(key, 'from'), 'new'] },
    aim: { reply: 'integer', encode: (key) => ['SUNIONSTORE', named(key, 'to'), named(key, 'from')] },
    look: { reply: 'texts', read: true, encode: (key) => ['SMEMBERS', named(key, 'to')], decode: () => '' },
  },
  // A transaction behind a WATCH before the deadline.
  'deadline watched': {
    create: { reply: 'ok', encode: (key) => ['SET', key, 'old'] },
    expire: { reply: 'integer', encode: (key, [ms]) => ['PEXPIREAT', key, ms] },
    touch: { reply: 'ok', encode: (key) => ['WATCH', key] },
    aim: { reply: 'all or nothing', mayBeLate: true, encode: (key) => inMulti(['SET', named(key, 'copy'), 'new']) },
  },
  'deadline string': {
    create: { reply: 'ok', encode: (key) => ['SET', key, 'old'] },
    expire: { reply: 'integer', encode: (key, [ms]) => ['PEXPIREAT', key, ms] },
    aim: { reply: 'ok', encode: (key) => ['SET', key, 'new', 'KEEPTTL'] },
    look: {
      reply: 'text or nil',
      read: true,
      encode: (key) => ['GET', key],
      decode: (value) => what(value === 'old', value === 'new'),
    },
  },
}

/** The types that keys of the workload `deadline` have, as the first part of their names. */
export const DEADLINE_TYPES = ['hash', 'set', 'counter', 'string', 'moved', 'copied', 'stored', 'watched'] as const
/** The type of those that are watched until their deadline. */
export const WATCHED_TYPE = 'watched'
/** Those of them whose aimed write is a `touch`, behind which `aim` carries the content to another key. */
export const CARRYING_TYPES: readonly string[] = ['moved', 'copied', 'stored']

/** The key of that name among those that share the tag. */
function named(tag: Buffer, name: string): Buffer {
  return Buffer.concat([Buffer.from('{'), tag, Buffer.from(`}:${name}`)])
}

function allNamed(tag: Buffer, names: readonly string[]): Buffer[] {
  return names.map((name) => named(tag, name))
}

/** `fields:0#f7` as the key of the hash and the field. */
function fieldOf(key: Buffer): [Buffer, Buffer] {
  const at = key.indexOf('#')
  return [key.subarray(0, at), key.subarray(at + 1)]
}

/** Everything that looks like an entry of a stream, as `[id, value]`: replies differ in what is around them. */
function entriesIn(value: Value): Value {
  if (typeof value !== 'object' || value === null) return []
  const [id, fields] = value
  if (value.length === 2 && typeof id === 'string' && ENTRY_ID.test(id)) {
    return [[id, typeof fields === 'object' && fields !== null ? fields[1] : null]]
  }
  return value.flatMap((item) => entriesIn(item) as readonly Value[])
}

const ENTRY_ID = /^\d+-\d+$/

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

/** The bytes of the command, or of the commands. */
export function encode(plan: Plan): Buffer {
  return Buffer.concat(wordsOf(plan).map((words) => command(...words)))
}

/** How many replies there are to what `encode` gives. */
export function repliesTo(plan: Plan): number {
  return wordsOf(plan).length
}

function wordsOf(plan: Plan): readonly Words[] {
  const words = formOf(plan).encode(Buffer.from(plan.key, 'latin1'), argsOf(plan))
  return isSeveral(words) ? words : [words]
}

function isSeveral(words: Words | readonly Words[]): words is readonly Words[] {
  return Array.isArray(words[0])
}

/** One command that does what each of the plans, all of the same name, means: MSET, MGET, or DEL or UNLINK of several. */
export function encodeTogether(plans: readonly Plan[]): Buffer {
  const words = { set: 'MSET', get: 'MGET', wipe: 'DEL', unlink: 'UNLINK' }
  const word = words[plans[0].name as keyof typeof words]
  return command(word, ...plans.flatMap((plan) => [Buffer.from(plan.key, 'latin1'), ...argsOf(plan)]))
}

/** The part of the reply to `encodeTogether` that belongs to the i-th of the plans. */
export function partOf(reply: Node, plan: Plan, i: number): Node {
  return plan.name === 'get' && 'items' in reply ? reply.items[i] : reply
}

function argsOf(plan: Plan): string[] {
  return plan.args.map((arg) => lengthen(String(arg)))
}

/** What the replies tell the client about its operation. */
export function outcomeOfAll(plan: Plan, replies: readonly Node[]): Outcome {
  const [reply, ...before] = [...replies].reverse()
  const outcome = outcomeOf(plan, reply)
  const other = before.find((node) => !('text' in node && (node.text === 'OK' || node.text === 'QUEUED')))
  if (other === undefined || outcome.kind !== 'ok') return outcome
  const text = JSON.stringify(plain(other)).slice(0, 100)
  return isRead(plan) ? { kind: 'failed', error: text } : { kind: 'unknown', reason: `${WRONG_KIND}${text}` }
}

/** What a reply tells the client about its operation. */
export function outcomeOf(plan: Plan, reply: Node): Outcome {
  if (reply.type === '-' && 'text' in reply) return outcomeOfError(plan, reply.text)
  const value = plain(reply)
  const form = formOf(plan)
  if (!KINDS[form.reply](value))
    return { kind: 'unknown', reason: `${WRONG_KIND}${JSON.stringify(value).slice(0, 100)}` }
  if (value === null && form.mayBeLate) return { kind: 'failed', error: 'a watched key has changed' }
  return { kind: 'ok', value: form.decode?.(value) ?? value }
}

/** Redis's own words for a command that it has not run. */
const REFUSED =
  /^(EXECABORT|CLUSTERDOWN|OOM|MISCONF|LOADING|BUSY|NOREPLICAS|READONLY|TRYAGAIN|MASTERDOWN|WRONGTYPE|NOAUTH|NOPERM|NOGROUP) /
/** The errors of commands that cannot be run as they are, which change nothing. */
const IMPOSSIBLE =
  /^ERR (unknown command|wrong number of arguments|The ID specified in XADD|value is not an integer|syntax error|no such key)/

function outcomeOfError(plan: Plan, error: string): Outcome {
  const { answers } = formOf(plan)
  if (answers?.[0].test(error)) return { kind: 'ok', value: answers[1] }
  const saysUnknown = SAYS_UNKNOWN.test(error)
  const saysNot = /not applied|nothing was applied|not supported yet/.test(error)
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
