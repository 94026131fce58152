import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../src/local/ask.js'
import type { Fault, FaultContext } from './faults.js'
import { askProxy, CANCELLED, keepMember } from './operator-faults.js'
import type { ProxyProcess } from './proxy-process.js'
import type { Peer } from './relay.js'
import { isDown, onSentinel } from './sentinels.js'

/*
 * Several things that end one after the other, or with the proxy, and two proxies at the same time.
 */

export const CRASH_FAULTS: Readonly<Record<string, Fault>> = {
  gone: {
    summary: 'kill -9 of 1 to r members, which stay away for long and come back with their data',
    resource: 'members',
    sparesOthers: true,
    lasts: [5000, 12_000],
    async run({ ring }, { durationMs }, targets) {
      await Promise.all(targets.map((name) => ring.member(name).server.kill()))
      await sleep(durationMs)
      await Promise.all(targets.map((name) => ring.restart(name, false)))
    },
  },
  rolling: {
    summary:
      'one member after the other is killed and declared down, and comes back with its data when the next ones are',
    resource: 'all',
    lasts: [0, 1500],
    async run({ ring }, { durationMs, dice }) {
      const away: string[] = []
      for (const name of inOrder([...ring.expected], dice[0])) {
        await ring.member(name).server.kill()
        away.push(name)
        await isDown(ring, name)
        await sleep(durationMs)
        if (away.length >= ring.options.replicas) await ring.restart(away.shift()!, false)
      }
      for (const name of away) await ring.restart(name, false)
    },
  },
  clock: {
    summary: "the proxy's wall clock jumps by up to ten minutes, and back",
    resource: 'proxy',
    sparesOthers: true,
    lasts: [50, 4000],
    async run({ ring }, { durationMs, dice }) {
      ring.setClock(Math.round((dice[0] - 0.5) * CLOCK_MAX_MS) * 2)
      await sleep(durationMs)
      ring.setClock(0)
    },
  },
  'wipe-and-proxy': {
    summary: 'kill -9 of the proxy, and of 1 to r members, which come back empty before it is started again',
    resource: 'members',
    needs: ['proxy'],
    fillsBudget: true,
    lasts: [0, 1000],
    async run({ ring }, { durationMs }, targets) {
      // Without a state file half of the members have to have their markers still [design §12].
      const lost = ring.options.stateFile ? targets : targets.slice(0, Math.floor(ring.expected.size / 2))
      await Promise.all([ring.proxy.kill(), ...lost.map((name) => ring.member(name).server.kill())])
      await Promise.all(lost.map((name) => ring.restart(name, true)))
      await sleep(durationMs)
      await ring.proxy.start()
    },
  },
  'last-holders': {
    summary: 'r members are away until they were declared down; they are back when the proxy and all others are lost',
    resource: 'all',
    lasts: [300, 1500],
    async run({ ring }, { durationMs, dice }) {
      const names = inOrder([...ring.expected], dice[0])
      const [stale, fresh] = [names.slice(0, ring.options.replicas), names.slice(ring.options.replicas)]
      for (const name of stale) ring.member(name).server.pause()
      for (const name of stale) await isDown(ring, name)
      await sleep(durationMs)
      await Promise.all([ring.proxy.kill(), ...fresh.map((name) => ring.member(name).server.kill())])
      for (const name of stale) ring.member(name).server.resume()
      // It may serve nothing now, as those who know what was acknowledged last are away.
      ring.proxy.launch()
      await sleep(STARTED_MS * (1 + dice[1]))
      await Promise.all(fresh.map((name) => ring.restart(name, false)))
      await ring.proxy.served()
    },
  },
  'cancel-and-crash': {
    summary: 'the cancelling of a leave is answered while a member is silent, and soon after the proxy is killed',
    resource: 'membership',
    needs: ['proxy'],
    takesMember: true,
    lasts: [0, 1500],
    async run({ ring }, { durationMs, dice }, [name]) {
      const others = [...ring.expected].filter((other) => other !== name)
      const silent = ring.member(others[Math.floor(dice[0] * others.length)]).server
      // What the leave is noted with may be waiting for the silent one when it is cancelled.
      const isEarly = dice[1] < 0.6
      if (isEarly) silent.pause()
      await askProxy(ring, `DT REMOVE ${name}`, /^[^-]|^-ERR .*(leaves already|is leaving)/)
      await sleep(dice[2] * 300)
      if (!isEarly) silent.pause()
      const answer = await askProxy(ring, `DT CANCEL ${name}`, CANCELLED)
      await sleep(durationMs)
      await ring.proxy.kill()
      silent.resume()
      await ring.proxy.start()
      // What the operator was told holds: it stays.
      if (!answer.startsWith('*') && !answer.endsWith('neither joins nor leaves')) ring.expected.delete(name)
    },
  },
  'cancel-and-lose': {
    summary:
      'the cancelling of a leave is asked for while nothing reaches the members, and what was said to them is lost with the proxy',
    resource: 'all',
    takesMember: true,
    lasts: [0, 600],
    async run(context, { durationMs, dice }, [name]) {
      const { ring } = context
      const relays = [...ring.members.values()].map(({ relay }) => relay)
      await askProxy(ring, `DT REMOVE ${name}`, /^[^-]|^-ERR .*(leaves already|is leaving)/)
      await sleep(dice[0] * 300)
      for (const relay of relays) relay.shape(['proxy'], 'requests', { stalled: true })
      const answer = await ask('127.0.0.1', ring.proxy.port, `DT CANCEL ${name}`, SAID_MS)
      await sleep(durationMs)
      await ring.proxy.kill()
      for (const relay of relays) {
        relay.cut(['proxy'])
        relay.heal()
      }
      await ring.proxy.start()
      // What the operator was told holds: it stays.
      if (answer?.startsWith('*') !== true) await keepMember(context, name)
    },
  },
  standby: {
    summary: 'a proxy stands by beside the first, which is killed, stopped in order, or stands still: it goes on',
    resource: 'proxy',
    withFronts: false,
    lasts: [0, 1000],
    async run({ ring, moveClients, complain }, { durationMs, dice }) {
      const first = ring.proxy
      const second = await ring.newProxy(['--standby'], true, first)
      second.launch()
      await sleep(STARTED_MS)
      if (await second.serves()) complain('a proxy that stands by serves beside the first')
      if (dice[0] < 0.7) await first.kill(dice[0] < 0.35 ? 'SIGKILL' : 'SIGTERM')
      else first.harm('SIGSTOP')
      await second.served()
      ring.proxy = second
      moveClients()
      await sleep(durationMs)
      // One that stood still finds out now, and ends.
      first.absolve('SIGCONT')
      if (await first.endsWithin(SETTLE_PATIENCE_MS)) return
      complain(`the first proxy goes on ${SETTLE_PATIENCE_MS} ms after it woke`)
      await first.kill()
    },
  },
  'two-proxies': {
    summary: 'a network is split, with a proxy on each side: the first goes on, and a second one is started beside it',
    resource: 'all',
    withFronts: false,
    lasts: [1500, 5000],
    run: (context, { durationMs, dice }) => split(context, durationMs, dice, []),
  },
  'two-proxies-apart': {
    summary: 'the same, for so long that each of them may have let go of the members that it does not reach',
    resource: 'all',
    byName: true,
    leastSeconds: 30,
    withFronts: false,
    lasts: [12_000, 15_000],
    run: (context, { durationMs, dice }) => split(context, durationMs, [dice[0], 0], []),
  },
  'two-proxies-takeover': {
    summary: 'a network is split as for two-proxies, and the second one has been told to take over',
    resource: 'all',
    withFronts: false,
    lasts: [1500, 5000],
    run: (context, { durationMs, dice }) => split(context, durationMs, dice, ['--takeover']),
  },
}

const CLOCK_MAX_MS = 600_000
/** A proxy that says at once what it has noted nowhere does so within this time. */
const SAID_MS = 700
/** How long a proxy that starts may do what it should not, and how long two of them may take to know of each other. */
const STARTED_MS = 3000
const SETTLE_PATIENCE_MS = 15_000
/** A proxy that lacks a member tries to reach it at least so often. */
const RETRY_MS = 1500

/** Members in an order that the die chooses. */
function inOrder(names: readonly string[], die: number): string[] {
  const sorted = [...names].sort()
  const first = Math.floor(die * sorted.length)
  return [...sorted.slice(first), ...sorted.slice(0, first)]
}

/**
 * On one side the proxy with enough members for every range and with most of the Sentinels, on the other side r members
 * and a Sentinel, and another proxy that is started there. Half of the clients are on its side.
 */
async function split(
  { ring, moveClients, complain }: FaultContext,
  durationMs: number,
  dice: readonly number[],
  args: readonly string[],
): Promise<void> {
  const names = inOrder([...ring.expected], dice[0])
  const [there, here] = [names.slice(0, ring.options.replicas), names.slice(ring.options.replicas)]
  const first = ring.proxy
  const runs = new Set([...ring.members.values()].flatMap(({ relay }) => relay.peers().map(({ name }) => name)))
  const lonely = await onSentinel(ring.sentinels[0].server)
  const isThere = ({ side, name }: Peer) => (side === 'sentinel' ? name === lonely : !runs.has(name))
  for (const name of there) ring.member(name).relay.refuse((peer) => !isThere(peer))
  for (const name of here) ring.member(name).relay.refuse(isThere)
  if (dice[1] < 0.5) for (const name of there) await isDown(ring, name, 1)

  const second = await ring.newProxy(args, true)
  // Who is taken over closes connections, also those on which a command is just coming.
  if (args.includes('--takeover')) first.harm()
  second.launch()
  ring.second = second
  moveClients()
  await sleep(durationMs)
  // Nor can it be blamed when the other one, which had gone on without it, takes it over.
  first.harm()
  for (const { relay } of ring.members.values()) relay.heal()
  const left = await oneIsLeft(first, second)
  if (left === undefined)
    complain(`two proxies serve one ring ${SETTLE_PATIENCE_MS} ms after they can know of each other`)
  const stays = left ?? first
  await (stays === first ? second : first).kill()
  ring.second = undefined
  ring.proxy = stays
  moveClients()
  if (stays.pid === undefined) await stays.start()
  else await stays.served().catch((error) => startAgain(stays, error))
}

/** The other one may have taken it over in the moment in which it was killed. */
async function startAgain(proxy: ProxyProcess, error: Error): Promise<void> {
  if (proxy.pid !== undefined) throw error
  await proxy.start()
}

/**
 * Which of the two serves when the other one does not, and for longer than it takes them to know of each other; undefined when both
 * go on for a long time.
 */
async function oneIsLeft(first: ProxyProcess, second: ProxyProcess): Promise<ProxyProcess | undefined> {
  let candidate: ProxyProcess | undefined
  let sinceMs = 0
  for (const deadlineMs = Date.now() + SETTLE_PATIENCE_MS; Date.now() < deadlineMs; await sleep(200)) {
    const [one, other] = await Promise.all([first.serves(), second.serves()])
    if (first.pid === undefined && second.pid === undefined) return first
    const left = one === other ? undefined : one ? first : second
    if (left !== candidate) sinceMs = Date.now()
    candidate = left
    if (left !== undefined && Date.now() - sinceMs >= RETRY_MS) return left
  }
  return (await second.serves()) ? undefined : first
}
