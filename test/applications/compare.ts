import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis, type TestRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { nodeStates } from '../helpers/ring-state.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'
import type { Program } from './programs.js'
import { type Outcome, runProgram } from './run-program.js'

const MEMBERS = 3
const REPLICAS = 1
/** The one that is killed. */
const VICTIM = 'dt-2'

/** A plain Redis, and a ring of three members where each key has one backup, with `dt serve` in front of it. */
export interface Pair {
  readonly redis: TestRedis
  readonly dt: ServeProcess
  readonly client: RawClient
  readonly dir: string
}

export interface Comparison {
  /** What is wrong; empty when it is as it should be. */
  readonly faults: readonly string[]
  readonly redisMs: number
  readonly dtMs: number
  /** Through the death of a member, where that was tried. */
  readonly killMs?: number
}

interface Teardown {
  teardown(end: () => unknown): void
}

export async function startPair(t: Teardown): Promise<Pair> {
  const redis = await startRedis(t)
  const dt = await ServeProcess.start(t, { nodes: MEMBERS, downAfterMs: 1500 }, { 'ring.replicas': String(REPLICAS) })
  return { redis, dt, client: await dt.connect(), dir: temporaryDirectory(t) }
}

/** Has the program do its work on Redis and on DT, and once more on DT while a member is killed if `kill`. */
export async function compare(pair: Pair, program: Program, kill: boolean): Promise<Comparison> {
  const faults: string[] = []
  const plain = await onRedis(pair, program)
  if (plain.failed) return { faults: [`on Redis itself: ${plain.result}`], redisMs: plain.tookMs, dtMs: 0 }
  const through = await onRing(pair, program)
  faults.push(...differences(plain, through, 'on DT'), ...(await copiesOf(pair)))
  const times = { redisMs: plain.tookMs, dtMs: through.tookMs }
  if (!kill || !program.outlivesMember || faults.length > 0) return { faults, ...times }

  const killed = await whileOneIsKilled(pair, () => onRing(pair, program), through.tookMs)
  faults.push(...differences(plain, killed, `on DT, while ${VICTIM} is killed`), ...(await copiesOf(pair)))
  return { faults, ...times, killMs: killed.tookMs }
}

async function onRedis({ redis, dir }: Pair, program: Program): Promise<Outcome> {
  const client = await redis.connect()
  await client.ask('FLUSHALL')
  return runProgram(program, redis.port, dir)
}

async function onRing({ dt, client, dir }: Pair, program: Program): Promise<Outcome> {
  const emptied = String(await client.ask('FLUSHALL'))
  if (emptied !== '+OK\r\n') throw new Error(`FLUSHALL was answered ${emptied}`)
  return runProgram(program, dt.port, dir)
}

function differences(plain: Outcome, other: Outcome, where: string): string[] {
  if (!other.failed && other.result === plain.result) return []
  if (other.failed) return [`${where}: ${other.result}`]
  const [expected, found] = [plain, other].map(({ result }) => result.split('\n'))
  const line = expected.findIndex((text, i) => text !== found[i])
  return [`${where}: ${JSON.stringify(found[line])} instead of ${JSON.stringify(expected[line])}`]
}

/** What the program has left must be equal on all replicas. */
async function copiesOf({ client }: Pair): Promise<string[]> {
  const report = await verify(client)
  return report.examples.map((example) => `copies differ: ${example}`)
}

/** Kills a member when half of the time is over that the work took before, and has it back in the ring afterwards. */
async function whileOneIsKilled(pair: Pair, work: () => Promise<Outcome>, tookMs: number): Promise<Outcome> {
  const { ring } = pair.dt
  const beganMs = performance.now()
  const [outcome] = await Promise.all([
    work(),
    sleep(tookMs / 2).then(async () => {
      await ring.kill(VICTIM)
      return performance.now() - beganMs
    }),
  ])
  await ring.restart(VICTIM)
  await until('the member is back', async () => {
    const states = await nodeStates(pair.client)
    return Object.values(states).every((state) => state === 'up') && (await isAtRest(pair.client))
  })
  return outcome
}

async function isAtRest(client: RawClient): Promise<boolean> {
  return /^\*0\r\n$/.test(String(await client.ask('DT', 'MIGRATIONS')))
}
