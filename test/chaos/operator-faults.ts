import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../src/local/ask.js'
import type { ChaosRing, Node } from './chaos-ring.js'
import type { Plan } from './commands.js'
import { FLUSHED_DB, SWAPPED_DBS } from './databases.js'
import type { Fault, FaultContext, FaultPlan } from './faults.js'

/*
 * What operators do while clients go on. That is no fault, but everything else can go wrong meanwhile.
 */

export const OPERATOR_FAULTS: Readonly<Record<string, Fault>> = {
  join: {
    summary: 'a new member, told to the Sentinels',
    resource: 'membership',
    lasts: [0, 0],
    async run({ ring }) {
      const { name, relay } = await newServer(ring)
      ring.expected.add(name)
      const quorum = Math.min(2, ring.sentinels.length)
      await tellSentinels(ring, [
        `SENTINEL MONITOR ${name} 127.0.0.1 ${relay.port} ${quorum}`,
        `SENTINEL SET ${name} down-after-milliseconds ${ring.options.downAfterMs}`,
      ])
    },
  },
  'join-cancelled': {
    summary: 'a new member is added by the proxy, and soon that is cancelled',
    resource: 'membership',
    lasts: [0, 1500],
    async run({ ring }, { durationMs }) {
      const { name, relay } = await newServer(ring)
      await askProxy(ring, `DT ADD ${name} 127.0.0.1:${relay.port}`, /^\*|^-ERR .* is known already/)
      await sleep(durationMs)
      const answer = await askProxy(ring, `DT CANCEL ${name}`, /^\*|^-ERR .*(no server|neither joins nor leaves)/)
      // It was too late.
      if (answer.endsWith('neither joins nor leaves')) ring.expected.add(name)
      // A proxy that has just begun may not know yet that there is something to cancel.
      else await tellSentinels(ring, [`SENTINEL REMOVE ${name}`], /^\+OK|^-ERR No such master/)
    },
  },
  leave: {
    summary: 'a member is asked to leave, and serves until its data has moved',
    resource: 'membership',
    takesMember: true,
    lasts: [0, 0],
    async run({ ring }, _, [name]) {
      ring.expected.delete(name)
      // It may not be a member yet; and a proxy that dies right after its answer may not have noted it anywhere.
      await askProxy(ring, `DT REMOVE ${name}`, /^[^-]/)
      await askProxy(ring, `DT REMOVE ${name}`, /^-ERR .* is no member of the ring$/)
    },
  },
  'leave-cancelled': {
    summary: 'a member is asked to leave, and soon that is cancelled',
    resource: 'membership',
    takesMember: true,
    lasts: [0, 500],
    async run(context, { durationMs }, [name]) {
      await askProxy(context.ring, `DT REMOVE ${name}`, /^[^-]/)
      await sleep(durationMs)
      await keepMember(context, name)
    },
  },
  'remove-by-hand': {
    summary: 'a member is removed from the Sentinels without the proxy being asked',
    resource: 'membership',
    takesMember: true,
    lasts: [0, 0],
    async run({ ring }, _, [name]) {
      ring.expected.delete(name)
      await tellSentinels(ring, [`SENTINEL REMOVE ${name}`])
    },
  },
  flush: {
    summary: 'a database is emptied, again and again',
    resource: 'data',
    lasts: [0, 3000],
    async run({ send }, { durationMs, dice }) {
      const plan = { workload: 'flushed', key: '', name: 'flushdb', args: [] }
      await again(durationMs, 50 + dice[0] * 500, () => send(FLUSHED_DB, plan))
    },
  },
  flushall: {
    summary: 'all databases are emptied, again and again (only together with workloads of strings)',
    resource: 'data',
    byName: true,
    lasts: [0, 3000],
    async run({ send }, { durationMs, dice }) {
      const plan = { workload: 'register', key: '', name: 'flushall', args: [] }
      await again(durationMs, 200 + dice[0] * 1000, () => send(0, plan))
    },
  },
  swap: {
    summary: 'two databases are swapped, again and again',
    resource: 'data',
    lasts: [0, 3000],
    async run({ send }, { durationMs, dice }) {
      const plan = { workload: 'swapped', key: '', name: 'swapdb', args: SWAPPED_DBS }
      await again(durationMs, 50 + dice[0] * 500, () => send(SWAPPED_DBS[0], plan))
    },
  },
  backlog: {
    summary:
      'requests to 1 to r members are held back while thousands of keys are written at once, then delivered or lost',
    resource: 'members',
    lasts: [100, 1500],
    run: (context, plan, targets) => burst(context, plan, targets, BACKLOG),
  },
  'backlog-100000': {
    summary: 'the same with a hundred thousand keys',
    resource: 'members',
    byName: true,
    lasts: [1500, 3000],
    run: (context, plan, targets) => burst(context, plan, targets, 100_000),
  },
  full: {
    summary: '1 to r members have no memory left, or only a little, and have some again, in turn',
    resource: 'members',
    lasts: [100, 3000],
    async run({ ring }, { durationMs, dice }, targets) {
      const used = async (name: string) => {
        const { host, port } = ring.member(name).server
        return Number(/used_memory:(\d+)/.exec((await ask(host, port, 'INFO memory', 5000)) ?? '')?.[1])
      }
      const limit = async (name: string) => (dice[0] < 0.4 ? 1 : (await used(name)) + Math.floor(dice[1] * 1_000_000))
      const turnMs = 30 + dice[2] * 500
      await again(durationMs, turnMs, async () => {
        await Promise.all(targets.map(async (name) => configure(ring, name, `maxmemory ${await limit(name)}`)))
        await sleep(turnMs)
        await Promise.all(targets.map((name) => configure(ring, name, 'maxmemory 0')))
      })
    },
  },
}

/** What is answered to DT CANCEL of a leave, whenever it comes. */
export const CANCELLED = /^\*|^-ERR .*(has left already|no server|neither joins nor leaves)/

/** Cancels the leave of a member, until that is noted: unless it has left already, it is to stay. */
export async function keepMember({ ring, complain }: FaultContext, name: string): Promise<void> {
  for (let cancelledBy = ''; ; await sleep(NOTED_MS)) {
    const run = await runOf(ring)
    const answer = await askProxy(ring, `DT CANCEL ${name}`, CANCELLED)
    if (!answer.startsWith('*')) {
      if (!answer.endsWith('neither joins nor leaves')) ring.expected.delete(name)
      return
    }
    if (run !== '' && run === cancelledBy) {
      complain(`${name} still leaves, although the same proxy has taken that back`, 'membership')
      return
    }
    // Until it is noted, a proxy that dies right after its answer is followed by one that has not heard of it.
    cancelledBy = run
  }
}

/** Which proxy answers: the run id of INFO. */
async function runOf(ring: ChaosRing): Promise<string> {
  const info = (await ask('127.0.0.1', ring.proxy.port, 'INFO server', 5000)) ?? ''
  return /^run_id:(\S+)/m.exec(info)?.[1] ?? ''
}

/** Keys that are written while a backlog grows, by so many clients at once. */
const BACKLOG = 3000
const BURST_CLIENTS = 10

let bursts = 0

async function burst(
  { ring, send }: FaultContext,
  { durationMs, dice }: FaultPlan,
  targets: readonly string[],
  keys: number,
): Promise<void> {
  const number = bursts++
  for (const name of targets) ring.member(name).relay.shape(['proxy'], 'requests', { stalled: true })
  const sent = Array.from({ length: BURST_CLIENTS }, (_, client) => {
    const plans = Array.from({ length: keys / BURST_CLIENTS }, (_, i): Plan => {
      const key = `burst:${number}:${client}:${i}`
      return { workload: 'register', key, name: 'set', args: [`c${90_000 + number}.${client * keys + i}`] }
    })
    return send(0, ...plans)
  })
  await sleep(durationMs)
  for (const name of targets) {
    if (dice[0] < 0.5) ring.member(name).relay.cut(['proxy'])
    ring.member(name).relay.heal()
  }
  await Promise.all(sent)
}

/** How long the proxy may take to do what it is asked (beside clients, on a machine that is busy), and how often it is asked. */
const ASK_PATIENCE_MS = 120_000
const ASK_AGAIN_MS = 300
/** It may have to note first what it says. */
const ANSWER_PATIENCE_MS = 10_000
/** After this time the members have been told of a new view. */
const NOTED_MS = 1000

/** CONFIG SET on a member. */
export async function configure(ring: ChaosRing, name: string, setting: string): Promise<void> {
  const { host, port } = ring.member(name).server
  const answer = await ask(host, port, `CONFIG SET ${setting}`, 5000)
  if (answer !== '+OK') throw new Error(`${name} answers ${answer}`)
}

/** A server that has a name of the ring and is not known to anybody. */
function newServer(ring: ChaosRing): Promise<Node> {
  return ring.addServer(`dt-${Math.max(...[...ring.members.keys()].map((known) => Number(known.slice(3)))) + 1}`)
}

/** Asks whichever proxy is there until it gives one of these answers. */
export async function askProxy(ring: ChaosRing, command: string, answers: RegExp): Promise<string> {
  let answer: string | undefined
  for (const deadlineMs = Date.now() + ASK_PATIENCE_MS; Date.now() < deadlineMs; await sleep(ASK_AGAIN_MS)) {
    answer = await ask('127.0.0.1', ring.proxy.port, command, ANSWER_PATIENCE_MS)
    if (answer !== undefined && answers.test(answer)) return answer
  }
  throw new Error(`for ${ASK_PATIENCE_MS} ms the proxy does not do ${command}; in the end it answers ${answer}`)
}

export async function again(forMs: number, everyMs: number, act: () => Promise<void>): Promise<void> {
  const deadlineMs = Date.now() + forMs
  do {
    await act()
    await sleep(everyMs)
  } while (Date.now() < deadlineMs)
}

export async function tellSentinels(ring: ChaosRing, commands: readonly string[], answers = /^\+OK/): Promise<void> {
  for (const { server } of ring.sentinels) {
    for (const command of commands) {
      const answer = await ask(server.host, server.port, command, SENTINEL_PATIENCE_MS)
      if (!answers.test(answer ?? '')) throw new Error(`${server.name} answers ${answer} to ${command}`)
    }
  }
}

/** It may be paused. */
const SENTINEL_PATIENCE_MS = 6000
