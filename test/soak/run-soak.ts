import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../src/local/ports.js'
import { ChaosRing } from '../chaos/chaos-ring.js'
import { FAULTS, type FaultContext, type FaultPlan, REST } from '../chaos/faults.js'
import { verifyByProxy } from '../chaos/final-check.js'
import { unrest } from '../chaos/health.js'
import { nowMs } from '../chaos/history.js'
import { Nemesis } from '../chaos/nemesis.js'
import { Random } from '../chaos/random.js'
import { askMetrics, type ProxyFigures } from './figures.js'
import { Load } from './load.js'
import { memoryFault, type Row, type SoakReport } from './report.js'

export interface SoakOptions {
  readonly seconds: number
  readonly seed: number
  /** Names of chaos's faults that harm members or links. */
  readonly faults: readonly string[]
  /** Clients that know each reply; half as many more say one of everything. */
  readonly clients: number
  /** Where servers keep data and logs. */
  readonly dir: string
}

/** What happens when nothing else is asked for. */
export const DEFAULT_FAULTS: readonly string[] = ['kill', 'pause', 'cut']

const NODES = 5
const REPLICAS = 2
const SENTINELS = 3
const DOWN_AFTER_MS = 1000
/** From one fault to the next; after some the ring is given the time to come to rest. */
const GAP_MS = [6000, 20_000] as const
const FIRST_MS = 3000
const FAULTS_UNTIL_REST = 4
const REST_MAX_MS = 60_000
const LINES_MAX = 30
const LINE_SECONDS_MIN = 5

/** A ring of real processes under moderate load, whose members and links fail one after the other, for a long time. Leaves no process behind. */
export async function runSoak(options: SoakOptions, progress: (text: string) => void): Promise<SoakReport> {
  const violations: string[] = []
  const [adminPort] = await freePorts(1)
  const ring = new ChaosRing({
    ...{ dir: options.dir, nodes: NODES, replicas: REPLICAS, sentinels: SENTINELS, downAfterMs: DOWN_AFTER_MS },
    ...{ nodeArgs: [], stateFile: true },
    settings: { admin: { port: adminPort }, log: { level: 'info', format: 'json' } },
    onCrash: (who, how) => violations.push(`${who} ended by itself: ${how}`),
  })
  try {
    await ring.start()
    return await Promise.race([soak(ring, adminPort, options, violations, progress), ring.hopeless])
  } finally {
    await ring.stop()
  }
}

async function soak(
  ring: ChaosRing,
  adminPort: number,
  { seconds, seed, faults, clients }: SoakOptions,
  violations: string[],
  progress: (text: string) => void,
): Promise<SoakReport> {
  const load = await Load.start(ring.proxy.port, clients)
  const nemesis = new Nemesis(contextOf(ring, violations), plansOf(seed, seconds, faults))
  const failing = nemesis.run(nowMs())
  let rows: readonly Row[]
  try {
    rows = await watch(adminPort, load, nemesis, seconds, violations, progress)
  } finally {
    // What is under way would start servers again that have been stopped.
    nemesis.stop()
    await failing
  }
  const healedMs = nowMs()
  const missing = await nemesis.rest()
  const restedMs = nowMs() - healedMs
  if (missing !== undefined) violations.push(`the ring did not come to rest: ${missing}`)
  await load.stop()
  const last = load.take()
  const verify = await verifyByProxy(ring, (message) => violations.push(message))
  const growth = memoryFault(rows)
  return {
    ...{ seed, seconds, rows, restedMs, verify },
    replies: rows.reduce((sum, { replies }) => sum + replies, last.replies),
    faults: kindsOf(nemesis.records.map(({ fault }) => fault)),
    errors: sumOf([...rows.map(({ errors }) => errors), Object.fromEntries(last.errors)]),
    violations: [...violations, ...load.faults, ...(growth === undefined ? [] : [growth])],
  }
}

/** A row for each line of the table. What happened while the proxy did not say how it fares is in the next one. */
export async function watch(
  adminPort: number,
  load: Pick<Load, 'take'>,
  nemesis: Pick<Nemesis, 'records' | 'status'>,
  seconds: number,
  violations: string[],
  progress: (text: string) => void,
): Promise<Row[]> {
  const rows: Row[] = []
  const lineMs = Math.max(LINE_SECONDS_MIN, Math.ceil(seconds / LINES_MAX)) * 1000
  const startedMs = nowMs()
  let counted = 0
  let beganMs = startedMs
  await figuresOf(adminPort, violations)
  for (let dueMs = lineMs; dueMs <= seconds * 1000; dueMs += lineMs) {
    await sleep(Math.max(0, startedMs + dueMs - nowMs()))
    const figures = await figuresOf(adminPort, violations)
    if (figures === undefined) continue
    const { replies, tookMs, errors } = load.take()
    const sorted = tookMs.toSorted((a, b) => a - b)
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
    const row: Row = {
      ...{ ...figures, replies, errors: Object.fromEntries(errors) },
      atSeconds: Math.round((nowMs() - startedMs) / 1000),
      faults: kindsOf(nemesis.records.slice(counted).map(({ fault }) => fault)),
      seconds: (nowMs() - beganMs) / 1000,
      ...{ p50Ms: at(0.5), p99Ms: at(0.99), mostMs: at(1) },
    }
    counted = nemesis.records.length
    beganMs = nowMs()
    rows.push(row)
    progress(
      `${row.atSeconds} s: ${replies} replies, p99 ${row.p99Ms.toFixed(1)} ms, ${nemesis.status() || 'no fault'}`,
    )
  }
  return rows
}

/** Undefined when the proxy does not say: one that has crashed is starting again, and what it did is in the report. */
async function figuresOf(adminPort: number, violations: string[]): Promise<ProxyFigures | undefined> {
  try {
    return await askMetrics(adminPort)
  } catch (failure) {
    const { message, cause } = failure as Error
    violations.push(`/metrics did not answer: ${cause instanceof Error ? cause.message : message}`)
    return undefined
  }
}

/** What of a fault harms members and links alone. */
function contextOf(ring: ChaosRing, violations: string[]): FaultContext {
  const none = () => Promise.reject(new Error('a soak has no clients that this fault could ask'))
  return {
    ring,
    complain: (message) => violations.push(message),
    // Copies are compared in the end: clients would have to wait for that.
    ...{ pauseReading: none, compareCopies: () => comeToRest(ring), send: none, moveClients: () => {} },
  }
}

async function comeToRest(ring: ChaosRing): Promise<void> {
  const endMs = nowMs() + REST_MAX_MS
  for (;;) {
    const missing = await unrest(ring)
    if (missing === undefined) return
    if (nowMs() > endMs) throw new Error(`the ring is not at rest after ${REST_MAX_MS / 1000} s: ${missing}`)
    await sleep(200)
  }
}

function plansOf(seed: number, seconds: number, faults: readonly string[]): FaultPlan[] {
  const random = new Random(seed, 'soak')
  const plans: FaultPlan[] = []
  if (faults.length === 0) return plans
  for (let atMs = FIRST_MS; atMs < seconds * 1000 - FIRST_MS; atMs += random.between(...GAP_MS)) {
    const isRest = plans.length % (FAULTS_UNTIL_REST + 1) === FAULTS_UNTIL_REST
    const fault = isRest ? REST : random.sample(faults, 1)[0]
    const dice = Array.from({ length: 4 }, () => random.next())
    if (isRest) plans.push({ fault, atMs, count: 0, durationMs: 0, dice: [] })
    else
      plans.push({
        fault,
        atMs,
        count: random.between(1, REPLICAS),
        durationMs: random.between(...FAULTS[fault].lasts),
        dice,
      })
  }
  return plans
}

function kindsOf(names: readonly string[]): Record<string, number> {
  return sumOf(names.filter((name) => name !== REST).map((name) => ({ [name]: 1 })))
}

function sumOf(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const counts of all) for (const [what, count] of Object.entries(counts)) sums[what] = (sums[what] ?? 0) + count
  return sums
}
