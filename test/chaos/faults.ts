import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../src/local/ask.js'
import type { ChaosRing } from './chaos-ring.js'
import type { Plan } from './commands.js'
import { CRASH_FAULTS } from './crash-faults.js'
import { FRONT_FAULTS } from './front-faults.js'
import { NETWORK_FAULTS } from './network-faults.js'
import { configure, OPERATOR_FAULTS } from './operator-faults.js'
import type { Random } from './random.js'
import type { Flow, Side } from './relay.js'
import { isDown } from './sentinels.js'
import { SERVER_FAULTS } from './server-faults.js'

/** What a fault needs to itself, so that two of them do not spoil each other. */
export type Resource = 'members' | 'proxy' | 'sentinels' | 'membership' | 'data' | 'all'

/** What a fault does, drawn from the seed; which members it meets is decided when it begins, by `picks`. */
export interface FaultPlan {
  readonly fault: string
  readonly atMs: number
  /** Number of members that it harms. */
  readonly count: number
  readonly durationMs: number
  /** For whatever else is open: numbers from 0 up to, not including, 1. */
  readonly dice: readonly number[]
}

export interface FaultContext {
  readonly ring: ChaosRing
  /** What is wrong beyond what clients see. */
  complain(message: string, check?: string): void
  /**
   * Keeps the clients from reading until the function that it gives is called. A read may see a write that is not
   * acknowledged yet; should then everybody die who has executed it, it is gone [design §2 G3, the exception].
   */
  pauseReading(): Promise<() => void>
  /** Lets the clients wait until the copies of all keys have been compared on all members. */
  compareCopies(): Promise<void>
  /** Tells half of the clients to look for the proxy that serves now. */
  moveClients(): void
  /** Operations that are sent together, or a try of them, in the history like those of the clients. */
  send(db: number, ...plans: readonly Plan[]): Promise<void>
}

export interface Fault {
  readonly summary: string
  readonly resource: Resource
  /** What else it needs to itself. */
  readonly needs?: readonly Resource[]
  /** It counts as if it harmed r members, so that no other fault takes what it leaves. */
  readonly fillsBudget?: boolean
  /**
   * It meets all holders of some key: the first of the targets keeps its data, so it does not count as harmed, and the
   * r others do.
   */
  readonly meetsHolders?: boolean
  /** It meets one member that is well, which is none afterwards. */
  readonly takesMember?: boolean
  /** It comes up only when it is asked for by its name. */
  readonly byName?: boolean
  /** Whether the ring has to have fronts for it, or none; undefined: it does not matter. */
  readonly withFronts?: boolean
  /** Keys that are not on its targets may not notice it [design §2 G4]. Without it a fault of `members` is such a one. */
  readonly sparesOthers?: boolean
  /** Shorter runs are over before it is. */
  readonly leastSeconds?: number
  /** How long it lasts, in ms. */
  readonly lasts: readonly [least: number, most: number]
  /** Injects it, waits `durationMs`, and heals it; `targets` are the members that it harms. */
  run(context: FaultContext, plan: FaultPlan, targets: readonly string[]): Promise<void>
}

const BOTH: readonly Side[] = ['proxy', 'sentinel']

/** Comes up again and again by itself. */
export const REST = 'rest'

/** All faults that there are, by the names for `--faults`. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  kill: {
    summary: 'kill -9 of 1 to r members, which come back with their data',
    resource: 'members',
    lasts: [50, 4000],
    async run({ ring }, { durationMs }, targets) {
      await Promise.all(targets.map((name) => ring.member(name).server.kill()))
      await sleep(durationMs)
      await Promise.all(targets.map((name) => ring.restart(name, false)))
    },
  },
  wipe: {
    summary: 'kill -9 of 1 to r members, which come back empty, at once or later',
    resource: 'members',
    lasts: [0, 2500],
    async run({ ring }, { durationMs }, targets) {
      await Promise.all(targets.map((name) => ring.member(name).server.kill()))
      // Most of the time before any Sentinel can have noticed.
      await sleep(Math.max(0, durationMs - 1500))
      await Promise.all(targets.map((name) => ring.restart(name, true)))
    },
  },
  pause: {
    summary: 'SIGSTOP of 1 to r members, shorter or longer than down-after-milliseconds',
    resource: 'members',
    lasts: [50, 4000],
    async run({ ring }, { durationMs }, targets) {
      for (const name of targets) ring.member(name).server.pause()
      await sleep(durationMs)
      for (const name of targets) ring.member(name).server.resume()
    },
  },
  cut: {
    summary: "the proxy's connections to 1 to r members are reset and refused; the Sentinels' are not",
    resource: 'members',
    lasts: [10, 3000],
    async run({ ring }, { durationMs }, targets) {
      for (const name of targets) ring.member(name).relay.cut(['proxy'])
      await sleep(durationMs)
      for (const name of targets) ring.member(name).relay.heal()
    },
  },
  partition: {
    summary: '1 to r members cannot be reached by anybody',
    resource: 'members',
    lasts: [300, 4000],
    async run({ ring }, { durationMs }, targets) {
      for (const name of targets) ring.member(name).relay.cut(BOTH)
      await sleep(durationMs)
      for (const name of targets) ring.member(name).relay.heal()
    },
  },
  slow: {
    summary: 'what the proxy and 1 to r members say to each other comes late, and slowly',
    resource: 'members',
    lasts: [300, 4000],
    async run({ ring }, { durationMs, dice }, targets) {
      const flow = { delayMs: 5 + dice[0] * 150, bytesPerSecond: 20_000 + dice[1] * 2_000_000 }
      for (const name of targets) {
        ring.member(name).relay.shape(['proxy'], 'requests', flow)
        ring.member(name).relay.shape(['proxy'], 'replies', flow)
      }
      await sleep(durationMs)
      for (const name of targets) ring.member(name).relay.heal()
    },
  },
  stall: {
    summary: 'requests to, or replies of, 1 to r members are held back and then delivered',
    resource: 'members',
    lasts: [100, 4000],
    async run({ ring }, { durationMs, dice }, targets) {
      const direction = dice[0] < 0.5 ? 'requests' : 'replies'
      for (const name of targets) ring.member(name).relay.shape(['proxy'], direction, { stalled: true })
      await sleep(durationMs)
      for (const name of targets) ring.member(name).relay.heal()
    },
  },
  lose: {
    summary: 'the last requests to 1 to r members are lost, and then their connections break',
    resource: 'members',
    lasts: [10, 500],
    async run({ ring }, { durationMs }, targets) {
      for (const name of targets) ring.member(name).relay.shape(['proxy'], 'requests', { stalled: true })
      await sleep(durationMs)
      for (const name of targets) {
        ring.member(name).relay.cut(['proxy'])
        ring.member(name).relay.heal()
      }
    },
  },
  late: {
    summary: 'the connections to 1 to r members break, and their last requests are delivered long after',
    resource: 'members',
    lasts: [100, 2500],
    async run({ ring }, { durationMs, dice }, targets) {
      const holdMs = 10 + dice[0] * 200
      await Promise.all(targets.map((name) => ring.member(name).relay.deliverLate(holdMs, durationMs)))
    },
  },
  'lose-and-wipe': {
    summary:
      'of all holders of some key, the last requests to one are lost, and the others are killed and come back empty',
    resource: 'members',
    meetsHolders: true,
    lasts: [20, 400],
    run: (context, { durationMs }, targets) => loseAndWipe(context, durationMs, targets, { stalled: true }),
  },
  'half-and-wipe': {
    summary: 'the same, and the last requests that arrive at the one end in the middle of something',
    resource: 'members',
    meetsHolders: true,
    lasts: [20, 400],
    run: (context, { durationMs, dice }, targets) => {
      // Or right between the two halves of a transfer.
      const half = dice[3] < 0.5 ? { behind: 'DECRBY' } : { afterBytes: 1 + Math.floor(dice[2] * HALF_MAX_BYTES) }
      return loseAndWipe(context, durationMs, targets, { stalled: true, ...half })
    },
  },
  refuse: {
    summary: '1 to r members refuse all writes',
    resource: 'members',
    lasts: [50, 2000],
    async run({ ring }, { durationMs }, targets) {
      for (const name of targets) await configure(ring, name, 'min-replicas-to-write 1')
      await sleep(durationMs)
      for (const name of targets) await configure(ring, name, 'min-replicas-to-write 0')
    },
  },
  script: {
    summary: 'a slow script, sent straight to 1 to r members',
    resource: 'members',
    lasts: [100, 3000],
    run: ({ ring }, { durationMs }, targets) => runScript(ring, targets, durationMs),
  },
  'script-all': {
    summary: 'a slow script, sent straight to all members at once',
    resource: 'all',
    lasts: [1000, 4000],
    async run(context, { durationMs }) {
      const { ring } = context
      // What only one has executed before its script began may be gone when all are declared down.
      const readAgain = await context.pauseReading()
      const scripts = runScript(ring, [...ring.members.keys()], durationMs)
      await sleep(SCRIPT_BEGINS_MS)
      readAgain()
      await scripts
    },
  },
  'pause-sentinel': {
    summary: 'SIGSTOP of one Sentinel',
    resource: 'sentinels',
    lasts: [200, 4000],
    async run({ ring }, { durationMs, dice }) {
      const { server } = ring.sentinels[Math.floor(dice[0] * ring.sentinels.length)]
      server.pause()
      await sleep(durationMs)
      server.resume()
    },
  },
  'cut-sentinel': {
    summary: "the proxy's connections to one Sentinel, or to all, are reset and refused",
    resource: 'sentinels',
    lasts: [100, 4000],
    async run({ ring }, { durationMs, dice }) {
      const relays = someSentinels(ring, dice)
      for (const relay of relays) relay.cut(['proxy'])
      await sleep(durationMs)
      for (const relay of relays) relay.heal()
    },
  },
  'slow-sentinel': {
    summary: 'what one Sentinel, or all of them, say to the proxy comes late, or not until later',
    resource: 'sentinels',
    lasts: [300, 4000],
    async run({ ring }, { durationMs, dice }) {
      const relays = someSentinels(ring, dice)
      const flow = dice[2] < 0.5 ? { stalled: true } : { delayMs: dice[2] * 1500 }
      for (const relay of relays) relay.shape(['proxy'], 'replies', flow)
      await sleep(durationMs)
      for (const relay of relays) relay.heal()
    },
  },
  'pause-proxy': {
    summary: 'SIGSTOP of the proxy',
    resource: 'proxy',
    withFronts: false,
    lasts: [50, 4000],
    async run({ ring }, { durationMs }) {
      ring.proxy.harm('SIGSTOP')
      await sleep(durationMs)
      ring.proxy.absolve('SIGCONT')
    },
  },
  'kill-proxy': {
    summary: 'kill -9 of the proxy, which is started again',
    resource: 'proxy',
    lasts: [0, 1500],
    async run({ ring }, { durationMs }) {
      await ring.proxy.kill()
      await sleep(durationMs)
      await ring.proxy.start()
    },
  },
  'kill-proxy-mid-write': {
    summary: 'kill -9 of the proxy while its requests to 1 to r members have not arrived, and never will',
    resource: 'members',
    needs: ['proxy'],
    fillsBudget: true,
    lasts: [20, 400],
    async run({ ring }, { durationMs }, targets) {
      for (const name of targets) ring.member(name).relay.shape(['proxy'], 'requests', { stalled: true })
      await sleep(durationMs)
      await ring.proxy.kill()
      for (const name of targets) {
        ring.member(name).relay.cut(['proxy'])
        ring.member(name).relay.heal()
      }
      await ring.proxy.start()
    },
  },
  'kill-proxy-in-doubt': {
    summary:
      'the last requests to 1 to r members are lost, nobody reaches these for a while, and then the proxy is killed -9',
    resource: 'members',
    needs: ['proxy'],
    fillsBudget: true,
    // Soon every client waits for them with some write, and nobody reads any more.
    lasts: [10, 400],
    async run({ ring }, { durationMs, dice }, targets) {
      for (const name of targets) ring.member(name).relay.shape(['proxy'], 'requests', { stalled: true })
      await sleep(5 + dice[0] * 25)
      for (const name of targets) ring.member(name).relay.cut(['proxy'])
      await sleep(durationMs)
      await ring.proxy.kill()
      for (const name of targets) ring.member(name).relay.heal()
      await ring.proxy.start()
    },
  },
  'kill-proxy-at-odown': {
    summary: 'kill -9 of the proxy right after a member was declared down, and all that it said about that is lost',
    resource: 'members',
    needs: ['proxy'],
    lasts: [50, 300],
    async run({ ring }, { durationMs, dice }, targets) {
      const others = [...ring.members.values()].filter(({ name }) => !targets.includes(name))
      const hold = (name: string) => ring.member(name).relay.shape(['proxy'], 'requests', { stalled: true })
      // The others have answered what the one that goes down will never have had.
      for (const name of targets) hold(name)
      await sleep(30 + dice[0] * 100)
      for (const { name } of others) hold(name)
      for (const name of targets) ring.member(name).relay.cut(BOTH)
      for (const name of targets) await isDown(ring, name)
      await sleep(durationMs)
      await ring.proxy.kill()
      for (const { relay } of others) relay.cut(['proxy'])
      for (const { relay } of ring.members.values()) relay.heal()
      await ring.proxy.start()
    },
  },
  takeover: {
    summary: 'the proxy is paused, another one takes over with its state file, and the first one wakes',
    resource: 'proxy',
    withFronts: false,
    lasts: [200, 3000],
    async run(context, { durationMs }) {
      const { ring } = context
      const first = ring.proxy
      const second = await ring.newProxy(['--takeover'], false, first)
      first.harm('SIGSTOP')
      await second.start()
      ring.proxy = second
      context.moveClients()
      await sleep(durationMs)
      first.absolve('SIGCONT')
      if (await first.endsWithin(WAKE_PATIENCE_MS)) return
      context.complain(`a proxy that was taken over from does not end within ${WAKE_PATIENCE_MS} ms of its waking`)
      await first.kill()
    },
  },
  'restart-all': {
    summary: 'kill -9 of everything: members, Sentinels and the proxy, which all come back with their data',
    resource: 'all',
    lasts: [0, 1500],
    async run({ ring }, { durationMs }) {
      const names = [...ring.members.keys()]
      const servers = [...ring.members.values(), ...ring.sentinels].map(({ server }) => server)
      await Promise.all([ring.proxy.kill(), ...servers.map((server) => server.kill())])
      await sleep(durationMs)
      await Promise.all([
        ...names.map((name) => ring.restart(name, false)),
        ...ring.sentinels.map(({ server }) => server.start()),
      ])
      await ring.proxy.start()
    },
  },
  [REST]: {
    summary: 'no fault: the ring comes to rest, and the copies on all members are compared while the clients wait',
    resource: 'all',
    byName: true,
    lasts: [0, 0],
    run: ({ compareCopies }) => compareCopies(),
  },
  ...OPERATOR_FAULTS,
  ...NETWORK_FAULTS,
  ...SERVER_FAULTS,
  ...CRASH_FAULTS,
  ...FRONT_FAULTS,
}

/** How long a proxy may take to notice, once it is awake, that another one has taken over. */
const WAKE_PATIENCE_MS = 10_000

/** What arrives before the rest is lost: some commands, and then a part of one. */
const HALF_MAX_BYTES = 2000

/** Of all holders of a key the first one does not get what `flow` holds back, and the others lose everything. */
async function loseAndWipe(
  { ring, pauseReading }: FaultContext,
  durationMs: number,
  [witness, ...targets]: readonly string[],
  flow: Flow,
): Promise<void> {
  const { relay } = ring.member(witness)
  const readAgain = await pauseReading()
  relay.shape(['proxy'], 'requests', flow)
  await sleep(durationMs)
  await Promise.all(targets.map((name) => ring.member(name).server.kill()))
  relay.cut(['proxy'])
  relay.heal()
  readAgain()
  await Promise.all(targets.map((name) => ring.restart(name, true)))
}

/** After this time a script that was sent runs. */
const SCRIPT_BEGINS_MS = 300

/** The busy loop ends by the clock. It writes nothing, so that it could be killed, and only reads the time. */
const BUSY_SCRIPT =
  "local t = redis.call('TIME') local s = t[1] * 1000 + t[2] / 1000 repeat t = redis.call('TIME') until t[1] * 1000 + t[2] / 1000 - s > %"

async function runScript(ring: ChaosRing, targets: readonly string[], durationMs: number): Promise<void> {
  const script = BUSY_SCRIPT.replace('%', String(durationMs))
  await Promise.all(
    targets.map((name) => {
      const { host, port } = ring.member(name).server
      return ask(host, port, `EVAL "${script}" 0`, durationMs + 2000)
    }),
  )
}

function someSentinels(ring: ChaosRing, dice: readonly number[]) {
  const relays = ring.sentinels.map(({ relay }) => relay)
  return dice[0] < 0.4 ? relays : [relays[Math.floor(dice[1] * relays.length)]]
}

/** Those that come up when none are named. */
export const DEFAULT_FAULTS: readonly string[] = defaultFaults(false)

/** The same for a ring with fronts. */
export const DEFAULT_FAULTS_OF_FRONTS: readonly string[] = defaultFaults(true)

function defaultFaults(withFronts: boolean): string[] {
  return Object.keys(FAULTS).filter((name) => FAULTS[name].byName !== true && FAULTS[name].withFronts !== !withFronts)
}

export interface ScheduleOptions {
  readonly faults: readonly string[]
  readonly seconds: number
  readonly replicas: number
}

/** The moments before the first fault, and between two. */
const FIRST_MS = 1500
const GAP_MS = [300, 3500] as const
/** After so many faults the ring is given the time to come to rest. */
const FAULTS_UNTIL_REST = 6

/** What goes wrong and when, from the random numbers alone. */
export function schedule(random: Random, { faults, seconds, replicas }: ScheduleOptions): FaultPlan[] {
  const plans: FaultPlan[] = []
  const fitting = faults.filter((fault) => (FAULTS[fault].leastSeconds ?? 0) <= seconds)
  if (fitting.length === 0) return plans
  // Every fault comes up before one comes up again.
  let left: string[] = []
  for (let atMs = FIRST_MS; atMs < seconds * 1000 - 500; atMs += random.between(...GAP_MS)) {
    if (plans.length % (FAULTS_UNTIL_REST + 1) === FAULTS_UNTIL_REST) {
      plans.push({ fault: REST, atMs, count: 0, durationMs: 0, dice: [] })
      continue
    }
    if (left.length === 0) left = random.sample(fitting, fitting.length)
    const fault = left.pop()!
    const { resource, lasts, meetsHolders, takesMember } = FAULTS[fault]
    const some = meetsHolders ? replicas : random.between(1, Math.max(1, replicas))
    const count = resource === 'members' ? some : takesMember ? 1 : 0
    const durationMs = random.between(...lasts)
    plans.push({ fault, atMs, count, durationMs, dice: Array.from({ length: 4 }, () => random.next()) })
  }
  return plans
}
