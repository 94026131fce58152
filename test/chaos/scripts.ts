import type { Form, Words } from './form.js'
import { ACCOUNTS, keyUnder, PARTS } from './several-keys.js'

/*
 * The work that applications do by scripts, of keys on the same servers (`scripted`), and of accounts on several ones (`scattered`).
 */

/** As many are in a queue, and may pass a limiter, at most. */
export const QUEUE_MAX = 4
export const LIMIT = 5
/** Nothing expires while somebody looks, but the deadlines must be the same everywhere. */
const HOUR_MS = 3_600_000

const ADD = "local n = redis.call('hincrby', KEYS[1], 'n', 1) return {n, redis.call('hincrby', KEYS[1], 'calls', 1)}"
/** It fails when it has done the half. */
const HALF = "redis.call('hincrby', KEYS[1], 'n', 1) return redis.call('lpop', KEYS[1])"
const PUSH = `if redis.call('llen', KEYS[1]) >= ${QUEUE_MAX} then return 0 end redis.call('rpush', KEYS[1], ARGV[1]) return 1`
/** Takes any of the queue, which another server would not choose, or not in another microsecond. */
const PICK = `local n = redis.call('llen', KEYS[1])
  if n == 0 then return false end
  local one = redis.call('lindex', KEYS[1], redis.call('time')[2] % n)
  redis.call('lrem', KEYS[1], 1, one)
  return one`
/** Counts, and then takes from the queue, which it does not declare, and of which nobody can guess the name from its arguments. */
const SERVE = `local n = redis.call('hincrby', KEYS[1], 'n', 1)
  redis.call('hincrby', KEYS[1], 'calls', 1)
  return {n, redis.call('lpop', ARGV[1] .. ARGV[2])}`
/** The same, and takes only when it has counted so far: so it is hardly ever stopped, and its client's next ones are sent right behind it. */
export const TEND_EACH = 5
const TEND = `local n = redis.call('hincrby', KEYS[1] .. '', 'n', 1)
  redis.call('hincrby', KEYS[1] .. '', 'calls', 1)
  if n % ${TEND_EACH} > 0 then return {n} end
  return {n, redis.call('lpop', ARGV[1] .. ARGV[2])}`
/** The holder of the lock gets a number that is higher than all before. */
const LOCK = `if redis.call('exists', KEYS[1]) == 1 then return 0 end
  redis.call('set', KEYS[1], ARGV[1], 'px', ${HOUR_MS})
  return redis.call('incr', KEYS[2])`
const UNLOCK = "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end return redis.call('del', KEYS[1])"
const PASS = `local n = tonumber(redis.call('get', KEYS[1]) or '0')
  if n >= ${LIMIT} then return 0 end
  n = redis.call('incr', KEYS[1])
  if n == 1 then redis.call('pexpire', KEYS[1], ${HOUR_MS}) end
  return n`
const LIFT = "local n = tonumber(redis.call('get', KEYS[1]) or '0') redis.call('del', KEYS[1]) return n"
const LOOK = `local count = redis.call('hmget', KEYS[1], 'n', 'calls')
  local function number(v) return tonumber(v or '0') end
  return {number(count[1]), number(count[2]), redis.call('lrange', KEYS[2], 0, -1), redis.call('get', KEYS[3]) or '',
    number(redis.call('get', KEYS[4])), number(redis.call('get', KEYS[5]))}`

const TRANSFER = "return {redis.call('decrby', KEYS[1], ARGV[1]), redis.call('incrby', KEYS[2], ARGV[1])}"
const TRANSFER_TO_OTHER =
  "return {redis.call('decrby', KEYS[1], ARGV[1]), redis.call('incrby', ARGV[2] .. ARGV[3], ARGV[1])}"
/** It declares an account that it only reads, and touches the two others one after the other: each time it needs one key more. */
const TRANSFER_BY_OTHER = `redis.call('get', KEYS[1])
  return {redis.call('decrby', ARGV[2] .. ARGV[3], ARGV[1]), redis.call('incrby', ARGV[4] .. ARGV[5], ARGV[1])}`
const BALANCES = `local all = {}
  for i, key in ipairs(KEYS) do all[i] = tonumber(redis.call('get', key) or '0') end
  return all`

/** The same as functions, which are loaded before anything else. */
export const LIBRARY = `#!lua name=chaos
redis.register_function('chaos_add', function(KEYS) ${ADD} end)
redis.register_function('chaos_pick', function(KEYS) ${PICK} end)
redis.register_function('chaos_transfer', function(KEYS, ARGV) ${TRANSFER} end)`

const calling =
  (command: string) =>
  (what: string, keys: readonly Buffer[], ...args: Words): Words => [
    command,
    what,
    String(keys.length),
    ...keys,
    ...args,
  ]
const run = calling('EVAL')
const call = calling('FCALL')
const [COUNT, QUEUE, HELD, FENCE, PASSED] = PARTS
const part = (key: Buffer, ...names: string[]) => names.map((name) => keyUnder(key, name))
const halves = (key: Buffer) => [key.subarray(0, key.length >> 1), key.subarray(key.length >> 1)]

/** What Lua says of nothing ends an array. */
const ofTwo: NonNullable<Form['decode']> = (value) => (Array.isArray(value) ? [...value, null].slice(0, 2) : value)

const SCRIPTED: Readonly<Record<string, Form>> = {
  add: { reply: 'integers', encode: (key) => run(ADD, part(key, COUNT)) },
  addByFunction: { reply: 'integers', encode: (key) => call('chaos_add', part(key, COUNT)) },
  half: { reply: 'any', encode: (key) => run(HALF, part(key, COUNT)), answers: [/^WRONGTYPE /, 'half'] },
  push: { reply: 'integer', encode: (key, [value]) => run(PUSH, part(key, QUEUE), value) },
  pick: { reply: 'text or nil', encode: (key) => run(PICK, part(key, QUEUE)) },
  pickByFunction: { reply: 'text or nil', encode: (key) => call('chaos_pick', part(key, QUEUE)) },
  serve: {
    reply: 'any',
    encode: (key) => run(SERVE, part(key, COUNT), ...halves(keyUnder(key, QUEUE))),
    decode: ofTwo,
  },
  tend: {
    reply: 'any',
    encode: (key) => run(TEND, part(key, COUNT), ...halves(keyUnder(key, QUEUE))),
    decode: ofTwo,
  },
  lock: { reply: 'integer', encode: (key, [holder]) => run(LOCK, part(key, HELD, FENCE), holder) },
  unlock: { reply: 'integer', encode: (key, [holder]) => run(UNLOCK, part(key, HELD), holder) },
  pass: { reply: 'integer', encode: (key) => run(PASS, part(key, PASSED)) },
  lift: { reply: 'integer', encode: (key) => run(LIFT, part(key, PASSED)) },
  look: { reply: 'any', read: true, encode: (key) => ['EVAL_RO', ...run(LOOK, part(key, ...PARTS)).slice(1)] },
}

const SCATTERED: Readonly<Record<string, Form>> = {
  transfer: {
    reply: 'integers',
    encode: (key, [from, to, amount]) => run(TRANSFER, part(key, from, to), amount),
  },
  transferByFunction: {
    reply: 'integers',
    encode: (key, [from, to, amount]) => call('chaos_transfer', part(key, from, to), amount),
  },
  // The other account is not declared.
  transferToOther: {
    reply: 'integers',
    encode: (key, [from, to, amount]) => run(TRANSFER_TO_OTHER, part(key, from), amount, ...halves(keyUnder(key, to))),
  },
  transferByOther: {
    reply: 'integers',
    encode: (key, [from, to, amount]) => {
      const other = ACCOUNTS.find((name) => name !== from && name !== to)!
      const accounts = [from, to].flatMap((name) => halves(keyUnder(key, String(name))))
      return run(TRANSFER_BY_OTHER, part(key, other), amount, ...accounts)
    },
  },
  balance: {
    reply: 'text or nil',
    read: true,
    encode: (key, [name]) => ['GET', keyUnder(key, name)],
    decode: (value) => [Number(value)],
  },
  look: {
    reply: 'integers',
    read: true,
    encode: (key) => ['EVAL_RO', ...run(BALANCES, part(key, ...ACCOUNTS)).slice(1)],
  },
}

export const SCRIPT_FORMS: Readonly<Record<string, Readonly<Record<string, Form>>>> = {
  scripted: SCRIPTED,
  scattered: SCATTERED,
}
