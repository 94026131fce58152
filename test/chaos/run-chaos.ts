import { setTimeout as sleep } from 'node:timers/promises'
import { command } from '../helpers/raw-client.js'
import { Cachers } from './cachers.js'
import { ChaosRing, THE_BEGINNING } from './chaos-ring.js'
import { checkAvailability, checkUnknownShare } from './checkers/availability.js'
import { checkHistory, type HistoryReport } from './checkers/check-history.js'
import type { Violation } from './checkers/violation.js'
import { circumstancesOf } from './circumstances.js'
import { Client, Gate, Reading } from './client.js'
import type { Plan } from './commands.js'
import { Connection } from './connection.js'
import { OTHER_DB } from './databases.js'
import { type FaultContext, schedule } from './faults.js'
import { checkPlacement, verifyByProxy } from './final-check.js'
import { killHolders, readFinally } from './final-reads.js'
import { History, nowMs, type Operation } from './history.js'
import { LagWatch } from './lag.js'
import { HEARD } from './listening-commands.js'
import { type FaultRecord, Nemesis } from './nemesis.js'
import { WAITING } from './queue-commands.js'
import { Random } from './random.js'
import { Scanner } from './scanner.js'
import { LIBRARY, SCRIPT_FORMS } from './scripts.js'
import type { Settings } from './settings.js'
import { Subscribers } from './subscribers.js'
import { Wanderers } from './wanderers.js'
import { Workers } from './workers.js'
import { ClientPlan, FIELDS_FILLED, FIELDS_KEY, OWN_DATABASES } from './workloads.js'

export interface ChaosOptions extends Omit<Settings, 'flushAll'> {
  readonly seed: number
  readonly seconds: number
  readonly clients: number
  readonly workloads: readonly string[]
  readonly faults: readonly string[]
  /** Where the servers keep their data and logs. */
  readonly dir: string
  /** Arguments of node for the proxy. */
  readonly nodeArgs: readonly string[]
  /** The directory of another build of the proxy. */
  readonly program?: string | undefined
  /** Keys that are written before the start, so that there is something to move. */
  readonly ballast: number
  /** One violation is enough: nothing more is waited for, asked or checked then. */
  readonly stopAtFirst?: boolean
  /** Called with the ring before the clients start: for tests of the harness itself. */
  readonly sabotage?: (ring: ChaosRing) => void
}

/** What is told while it runs. */
export interface Progress {
  readonly phase: string
  readonly operations: number
  readonly unknown: number
  readonly failed: number
  readonly faults: number
  readonly going: string
}

export interface ChaosReport {
  readonly options: ChaosOptions
  readonly startedMs: number
  readonly operations: readonly Operation[]
  readonly faults: readonly FaultRecord[]
  readonly skippedFaults: number
  /** How often a proxy has ended by itself because another one had taken the ring over. */
  readonly ceded: number
  readonly history: HistoryReport
  /** All of them: of the history, of the processes, and of the data at the end. */
  readonly violations: readonly Violation[]
  /** Keys whose places were compared at the end. */
  readonly keysPlaced: number
  /** Of how much that was asked it is known that no fault touched it. */
  readonly untouched: number
  /** What DT VERIFY said of itself, or why it could not be asked. */
  readonly verify: string
}

const SENTINELS = 3
const DOWN_AFTER_MS = 1000
/** One client of so many only reads. */
const READER_EVERY = 5
/** About so many keys are in database 0 beside those that are written beforehand. */
const KEYS_OF_CLIENTS = 2000
/** Those who wait have numbers of their own, whatever others there are. */
const FIRST_WORKER = 1000
const FIRST_SUBSCRIBER = 2000
const FIRST_CACHER = 3000
const FIRST_WANDERER = 4000
/** Clients go on for a while after the last fault. */
const CALM_MS = 1000

/** A ring, clients, faults, and then every check. Leaves no process behind. */
export async function runChaos(options: ChaosOptions, onProgress: (progress: Progress) => void): Promise<ChaosReport> {
  const found: Violation[] = []
  const complain = (check: string, message: string) => found.push({ check, key: '', message, witness: [] })
  const ring = new ChaosRing({
    dir: options.dir,
    nodes: options.nodes,
    replicas: options.replicas,
    sentinels: SENTINELS,
    downAfterMs: DOWN_AFTER_MS,
    nodeArgs: options.nodeArgs,
    stateFile: options.stateFile,
    ...(options.fronts !== undefined &&
      options.fronts > 0 && { fronts: { count: options.fronts, random: new Random(options.seed, 'places') } }),
    program: options.program,
    onCrash: (who, how) => complain('crash', `${who} ended by itself: ${how}`),
  })
  const history = new History()
  const reading = new Reading()
  const gate = new Gate()
  const lag = new LagWatch()
  const everyone: Client[] = []
  const workers = new Workers(ring, history, options.seed, FIRST_WORKER)
  const subscribers = new Subscribers(ring, history, options.seed, FIRST_SUBSCRIBER, reading)
  const cachers = new Cachers(ring, history, options.seed, FIRST_CACHER, reading)
  let wanderers: Wanderers | undefined
  const run = async (): Promise<ChaosReport> => {
    onProgress({ ...QUIET, phase: 'starting' })
    await ring.start()
    options.sabotage?.(ring)
    const jobs = jobsOf(options)
    const clients = jobs.map(({ db }, i) => {
      return new Client(i, db, i % 2 === 0 ? 2 : 3, () => ring.proxyOf(i), history, reading, gate)
    })
    everyone.push(...clients)
    const ballast = Array.from({ length: options.ballast }, (_, i) => `ballast:${i}`)
    const startedMs = nowMs()
    const staying = Array.from({ length: Math.ceil(options.ballast / 10) }, (_, i) => `staying:${i}`)
    await load(everyone, ring, history, [...ballast, ...staying])
    if (options.workloads.includes('fields')) await fill(ring)
    if (options.workloads.some((name) => name in SCRIPT_FORMS)) await loadLibrary(ring)
    if (options.workloads.includes('queue')) await workers.start()
    if (options.workloads.includes('channel')) subscribers.start()
    if (options.workloads.includes('caching')) cachers.start()
    if (ring.places.length > 0 && options.workloads.includes('register')) {
      wanderers = new Wanderers(ring, history, options.seed, FIRST_WANDERER, reading, gate)
      wanderers.start()
    }
    for (const name of ring.members.keys()) ring.keep(name, THE_BEGINNING)

    const plans = schedule(new Random(options.seed, 'faults'), options)
    const moveClients = () => {
      for (const client of clients.filter((_, i) => i % 2 === 1)) client.close('it was told to use another proxy')
      workers.move()
      subscribers.move()
      cachers.move()
    }
    const context: FaultContext = {
      ring,
      complain: (message, check = 'fault') => complain(check, message),
      moveClients,
      pauseReading: () => reading.pause(),
      compareCopies: async () => {
        const open = await gate.close()
        found.push(...(await checkPlacement(ring)).violations)
        open()
      },
      send: async (db, ...plans) => {
        const client = new Client(everyone.length, db, 3, () => ring.address, history)
        everyone.push(client)
        await client.send(plans)
        client.close('done')
      },
    }
    const nemesis = new Nemesis(context, plans)
    const tell = (phase: string) =>
      onProgress({ ...tally(history), phase, faults: nemesis.records.length, going: nemesis.status() })
    // Whoever empties all databases leaves no key where it was.
    const isScanned = !options.faults.includes('flushall') && staying.length > 0
    const scanner = new Scanner(
      () => ring.proxy,
      staying,
      KEYS_OF_CLIENTS + ballast.length + staying.length,
      (message) => complain('scan', message),
    )
    const ticker = setInterval(() => tell(`${((nowMs() - startedMs) / 1000).toFixed(1)} s`), 200)
    try {
      const runs = clients.map((client) => {
        const random = new Random(options.seed, `client ${client.index}`)
        const own = { ...jobs[client.index], ballast: client.db === 0 ? ballast : [] }
        return client.run(new ClientPlan(client.index, random, own))
      })
      const scans = isScanned ? scanner.run() : undefined
      const chaos = nemesis.run(startedMs)
      await sleep(options.seconds * 1000)
      nemesis.stop()
      await chaos
      await sleep(CALM_MS)
      for (const client of clients) client.stop()
      workers.stop()
      scanner.stop()
      await Promise.all([...runs, scans, subscribers.stop(), wanderers?.stop()])
    } finally {
      scanner.stop()
      clearInterval(ticker)
    }
    const endedMs = nowMs()

    const check = (violationsMax?: number) => {
      const onKey = (done: number, of: number) => {
        if (done % 20 === 0) tell(`checking ${done} of ${of} keys`)
      }
      return checkHistory(history.operations(), onKey, violationsMax)
    }
    const report = (checked: HistoryReport, keysPlaced: number, verify: string): ChaosReport => {
      const operations = history.operations()
      const { records, memberships } = nemesis
      const circumstances = circumstancesOf(records, memberships, options.replicas, lag.lags)
      const during = operations.filter(
        ({ invokedMs, name }) => invokedMs < endedMs && ![...WAITING, ...HEARD].includes(name),
      )
      const { judged, violations } = checkAvailability(during, circumstances)
      return {
        options,
        startedMs,
        operations,
        faults: records,
        skippedFaults: nemesis.skipped,
        ceded: ring.ceded,
        history: checked,
        violations: [...checked.violations, ...found, ...violations, ...checkUnknownShare(operations)],
        keysPlaced,
        untouched: judged,
        verify,
      }
    }
    if (options.stopAtFirst === true) {
      const checked = check(1)
      const early = report(checked, 0, 'not asked')
      if (early.violations.length > 0) return early
    }

    tell('coming to rest')
    const missing = await nemesis.rest()
    if (missing !== undefined) complain('not at rest', `a minute after the last fault: ${missing}`)
    tell('reading every key')
    const unanswered = await readFinally(everyone, ring, history)
    if (unanswered !== undefined) complain('no answer', unanswered)
    await workers.drain()
    await cachers.stop()
    tell('comparing the members')
    const { keys, violations } = await checkPlacement(ring)
    found.push(...violations)
    const verify = await verifyByProxy(ring, (message) => complain('verify', message))
    tell('reading what remains')
    const { killed, unread } = await killHolders(everyone, ring, history, new Random(options.seed, 'killed at the end'))
    if (unread !== undefined) complain('no answer', `with ${killed.join(' and ')} killed, ${unread}`)
    await workers.release()
    for (const client of everyone) client.close('done')
    await ring.stop()

    return report(check(), keys, verify)
  }
  try {
    return await Promise.race([run(), ring.hopeless])
  } finally {
    lag.stop()
    workers.close()
    subscribers.close()
    cachers.close()
    wanderers?.close()
    for (const client of everyone) {
      client.stop()
      client.close('the run is over')
    }
    await ring.stop()
  }
}

/** In which database each client works, and on what. */
function jobsOf({
  clients,
  workloads,
}: ChaosOptions): { db: number; workloads: readonly string[]; readsOnly: boolean }[] {
  const common = workloads.filter((name) => !(name in OWN_DATABASES))
  const jobs = Array.from({ length: clients }, (_, i) => ({
    db: i % 4 === 3 ? OTHER_DB : 0,
    // A channel is the same in all databases: one is enough.
    workloads: i % 4 === 3 ? common.filter((name) => name !== 'channel') : common,
    readsOnly: i % READER_EVERY === READER_EVERY - 1,
  }))
  for (const name of workloads.filter((each) => each in OWN_DATABASES)) {
    for (const db of OWN_DATABASES[name]) jobs.push({ db, workloads: [name], readsOnly: false })
  }
  return jobs
}

const QUIET = { operations: 0, unknown: 0, failed: 0, faults: 0, going: '' }

function tally(history: History): { operations: number; unknown: number; failed: number } {
  const { size, unknown, failed } = history
  return { operations: size, unknown, failed }
}

/** Makes the large hashes of which single fields are written: what they have beside these belongs to nobody. */
async function fill(ring: ChaosRing): Promise<void> {
  const connection = await Connection.open(ring.proxy.port)
  const pairs = Array.from({ length: FIELDS_FILLED }, (_, i) => [`filler${i}`, 'x']).flat()
  const commands = [0, 1].map((slot) => command('HSET', `${FIELDS_KEY}${slot}`, ...pairs))
  await Promise.all(connection.send(Buffer.concat(commands), commands.length))
  connection.close('done')
}

/** Loads the functions that clients call. */
async function loadLibrary(ring: ChaosRing): Promise<void> {
  const connection = await Connection.open(ring.proxy.port)
  const [reply] = await Promise.all(connection.send(command('FUNCTION', 'LOAD', LIBRARY), 1))
  connection.close('done')
  if (reply.type === '-') throw new Error(`the library was refused: ${JSON.stringify(reply)}`)
}

/** Writes the keys that everybody reads. They are ordinary operations of one client more. */
async function load(clients: Client[], ring: ChaosRing, history: History, ballast: readonly string[]): Promise<void> {
  const loader = new Client(clients.length, 0, 3, () => ring.address, history)
  clients.push(loader)
  for (let from = 0; from < ballast.length; from += 200) {
    const plans = ballast.slice(from, from + 200).map((key, i): Plan => {
      return { workload: 'register', key, name: 'set', args: [`c${loader.index}.${from + i}`] }
    })
    await loader.send(plans)
  }
}
