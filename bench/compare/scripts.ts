import { createHash } from 'node:crypto'
import { RawClient } from '../../test/helpers/raw-client.js'
import { replicasOf } from '../../test/helpers/ring-state.js'
import { cpuSeconds } from '../support/process-figures.js'
import { type Spread, spreadOf } from './results.js'
import type { System, SystemName } from './systems.js'

/*
 * What scripts cost: CPU time of the system's process for each call, as a ratio to that of what is plain, done in turn. Of Redis it is that of
 * the server itself.
 */

export const SCRIPT_NAMES = [
  ...(['limiter-p1', 'limiter-p16', 'limiter-plain', 'limiter-numbers'] as const),
  ...(['unlock', 'move-due', 'hundred', 'script-apart'] as const),
] as const
export type ScriptName = (typeof SCRIPT_NAMES)[number]

export const SCRIPT_TITLES: Readonly<Record<ScriptName, string>> = {
  'limiter-p1': 'EVALSHA of a token bucket, P=1: CPU to that of a SET',
  'limiter-p16': 'EVALSHA of a token bucket, P=16: CPU to that of a SET',
  'limiter-plain': 'EVALSHA of a token bucket: CPU to that of HMGET, HSET and PEXPIRE',
  'limiter-numbers': 'a token bucket with its numbers among KEYS: CPU to that of one with a key alone',
  unlock: 'SET, EVALSHA that releases the lock: CPU to that of SET, GET, DEL',
  'move-due': 'EVALSHA that moves a due item: CPU to that of ZRANGEBYSCORE, ZREM and RPUSH',
  hundred: 'EVALSHA of 100 writes: CPU to that of these in one pipeline',
  'script-apart': 'EVALSHA on keys of two servers, 1 connection: p50 to that of one with a common tag',
}

export interface ScriptFigure {
  readonly name: ScriptName
  readonly system: SystemName
  readonly value: Spread
}

type Words = readonly string[]
/** What a client does: trips, each of which is a pipeline. `i` is another number each time. */
type Work = (i: number) => readonly (readonly Words[])[]

const CLIENTS = 50
const VALUE = 'x'.repeat(16)

const bucket = (rate: string, size: string, now: string) => `
local b = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(tonumber(${size}), (tonumber(b[1]) or tonumber(${size})) + (tonumber(${now}) - (tonumber(b[2]) or 0)) * tonumber(${rate}))
local taken = 0
if tokens >= 1 then tokens = tokens - 1 taken = 1 end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', ${now})
redis.call('PEXPIRE', KEYS[1], 60000)
return taken`
const LIMITER = bucket('ARGV[1]', 'ARGV[2]', 'ARGV[3]')
const NUMBERS = bucket('KEYS[2]', 'KEYS[3]', 'ARGV[1]')
const UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
const MOVE = `
local due = redis.call('ZRANGEBYSCORE', KEYS[1], 0, ARGV[1], 'LIMIT', 0, 1)
for i = 1, #due do
redis.call('ZREM', KEYS[1], due[i])
redis.call('RPUSH', KEYS[2], due[i])
end
return #due`
const HUNDRED = "for i = 1, 100 do redis.call('HSET', KEYS[1], i, ARGV[1]) end return 1"
const BOTH = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[1]) return 1"

const call = (source: string, keys: Words, ...args: string[]): Words => {
  return ['EVALSHA', createHash('sha1').update(source).digest('hex'), String(keys.length), ...keys, ...args]
}
const limit = (i: number): Words => call(LIMITER, [`bucket:${i % 1000}`], '10', '5', String(i))
const numbers = (i: number): Words => call(NUMBERS, [`bucket:${i % 1000}`, '10', '5'], String(i))
const set = (i: number): Words => ['SET', `key:${i % 1000}`, VALUE]
const inPipeline = (depth: number, words: (i: number) => Words): Work => {
  return (i) => [Array.from({ length: depth }, (_, k) => words(i * depth + k))]
}
const alone = (words: (i: number) => Words) => inPipeline(1, words)
const due = (i: number): [string, string] => [`{queue:${i % 1000}}due`, `{queue:${i % 1000}}list`]

/** What is compared with what, and how many calls of the first are in one unit of it. */
const PAIRS: readonly [name: ScriptName, script: Work, plain: Work][] = [
  ['limiter-p1', alone(limit), alone(set)],
  ['limiter-p16', inPipeline(16, limit), inPipeline(16, set)],
  [
    'limiter-plain',
    alone(limit),
    (i) => {
      const key = `plain:${i % 1000}`
      return [
        [['HMGET', key, 'tokens', 'at']],
        [
          ['HSET', key, 'tokens', '4', 'at', String(i)],
          ['PEXPIRE', key, '60000'],
        ],
      ]
    },
  ],
  ['limiter-numbers', alone(numbers), alone(limit)],
  [
    'unlock',
    (i) => [[['SET', `lock:${i % 1000}`, `${i}`]], [call(UNLOCK, [`lock:${i % 1000}`], `${i}`)]],
    (i) => [[['SET', `lock:${i % 1000}`, `${i}`]], [['GET', `lock:${i % 1000}`]], [['DEL', `lock:${i % 1000}`]]],
  ],
  [
    'move-due',
    (i) => [[['ZADD', due(i)[0], '1', `${i}`]], [call(MOVE, due(i), '2')], [['LPOP', due(i)[1]]]],
    (i) => {
      const [from, to] = due(i)
      const found = ['ZRANGEBYSCORE', from, '0', '2', 'LIMIT', '0', '1']
      return [
        [['ZADD', from, '1', `${i}`]],
        [found],
        [
          ['ZREM', from, `${i}`],
          ['RPUSH', to, `${i}`],
        ],
        [['LPOP', to]],
      ]
    },
  ],
  [
    'hundred',
    alone((i) => call(HUNDRED, [`hash:${i % 100}`], VALUE)),
    (i) => [Array.from({ length: 100 }, (_, k) => ['HSET', `hash:${i % 100}`, String(k + 1), VALUE])],
  ],
]

/** Units of a round; they are not equally long. */
const UNITS: Readonly<Partial<Record<ScriptName, number>>> = { 'limiter-p16': 2000, hundred: 1000 }
const UNITS_MOST = 10_000

/** Measures on Redis and on DT with one copy and with three. */
export async function measureScripts(
  systems: readonly System[],
  names: readonly string[],
  { quick, signal }: { readonly quick: boolean; readonly signal: AbortSignal },
): Promise<ScriptFigure[]> {
  const figures: ScriptFigure[] = []
  const rounds = quick ? 1 : 5
  for (const { name: system, port, pid } of systems) {
    if (system === 'twemproxy') continue
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect(port)))
    try {
      for (const source of [LIMITER, NUMBERS, UNLOCK, MOVE, HUNDRED, BOTH])
        await clients[0].ask('SCRIPT', 'LOAD', source)
      for (const [name, script, plain] of PAIRS) {
        if (!names.includes(name) || signal.aborted) continue
        const units = (UNITS[name] ?? UNITS_MOST) / (quick ? 10 : 1)
        const ratios: number[] = []
        // The first round warms up.
        for (let round = 0; round <= rounds && !signal.aborted; round++) {
          const own = await cpuOf(pid, () => done(clients, script, units))
          const other = await cpuOf(pid, () => done(clients, plain, units))
          if (round > 0) ratios.push(own / other)
        }
        figures.push({ name, system, value: spreadOf(ratios) })
      }
      if (names.includes('script-apart') && system !== 'redis' && !signal.aborted) {
        figures.push({
          name: 'script-apart',
          system,
          value: spreadOf(await apart(clients[0], quick ? 100 : 1000, rounds)),
        })
      }
    } finally {
      for (const client of clients) client.close()
    }
  }
  return figures
}

async function cpuOf(pid: number, work: () => Promise<void>): Promise<number> {
  const before = cpuSeconds(pid)
  await work()
  return cpuSeconds(pid) - before
}

/** So many units by all clients, each one trip after the other. An error ends it. */
async function done(clients: readonly RawClient[], work: Work, count: number): Promise<void> {
  await Promise.all(
    clients.map(async (client, c) => {
      for (let i = c; i < count; i += clients.length) {
        for (const trip of work(i)) {
          const replies = await client.pipeline(trip)
          const failed = replies.find((reply) => reply[0] === 0x2d)
          if (failed !== undefined) throw new Error(`a script or command failed: ${failed}`)
        }
      }
    }),
  )
}

/** Two keys on different servers, and two on the same. */
async function apart(client: RawClient, count: number, rounds: number): Promise<number[]> {
  const master = async (key: string) => (await replicasOf(client, key))[0]
  let other = 0
  while ((await master(`apart:${other}`)) === (await master('near'))) other++
  const p50 = async (keys: Words) => {
    const times: number[] = []
    for (let i = 0; i < count; i++) {
      const beganMs = performance.now()
      await client.ask(...call(BOTH, keys, VALUE))
      times.push(performance.now() - beganMs)
    }
    return times.sort((x, y) => x - y)[Math.floor(count / 2)]
  }
  const ratios: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const ratio = (await p50(['near', `apart:${other}`])) / (await p50(['near', '{near}']))
    if (round > 0) ratios.push(ratio)
  }
  return ratios
}
