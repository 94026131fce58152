import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosRing } from './chaos-ring.js'
import type { Fault } from './faults.js'
import { placeOf, runOf, someFront } from './fronts.js'
import type { ProxyProcess } from './proxy-process.js'

/*
 * What befalls a ring with fronts: these, their owner, and what connects them. `ring.proxy` is the owner when such a fault begins.
 */

/** One that was taken over from ends within this time once it can know of it. */
const WOKEN_MS = 4000
/** TCP waits ever longer before it sends again what was lost. */
const RESENT_MS = 6000

export const FRONT_FAULTS: Readonly<Record<string, Fault>> = {
  'kill-front': {
    summary: 'kill -9 of a front, or its stop in order; it is started again',
    resource: 'proxy',
    withFronts: true,
    lasts: [0, 3000],
    async run({ ring }, { durationMs, dice }) {
      const front = someFront(ring, dice[0])
      await front.kill(dice[1] < 0.7 ? 'SIGKILL' : 'SIGTERM')
      await sleep(durationMs)
      await front.start()
    },
  },
  'pause-front': {
    summary: 'SIGSTOP of a front, now and then for longer than the owner waits for it',
    resource: 'proxy',
    withFronts: true,
    lasts: [50, 12_000],
    async run({ ring }, { durationMs, dice }) {
      await pause(someFront(ring, dice[0]), durationMs)
    },
  },
  'cut-front': {
    summary: 'the connections of a front to the members are reset and refused, and those to the owner as well, or not',
    resource: 'proxy',
    withFronts: true,
    lasts: [100, 8000],
    async run({ ring }, { durationMs, dice }) {
      const front = someFront(ring, dice[0])
      const healed = await cutOff(ring, front, dice[1] < 0.5)
      await sleep(durationMs)
      healed()
    },
  },
  'cut-peers': {
    summary: 'the connections of fronts to the owner are reset and refused',
    resource: 'proxy',
    withFronts: true,
    lasts: [10, 8000],
    async run({ ring }, { durationMs }) {
      const { relay } = placeOf(ring, ring.proxy)
      relay.cut(['proxy'])
      await sleep(durationMs)
      relay.heal()
    },
  },
  'slow-peers': {
    summary:
      'what fronts and the owner say to each other comes late, and slowly, or stands still and is delivered then',
    resource: 'proxy',
    withFronts: true,
    lasts: [100, 6000],
    async run({ ring }, { durationMs, dice }) {
      const { relay } = placeOf(ring, ring.proxy)
      const slow = { delayMs: 5 + dice[0] * 150, bytesPerSecond: 20_000 + dice[1] * 2_000_000 }
      const flow = dice[2] < 0.5 ? slow : { stalled: true }
      // Both directions, or one of them.
      if (dice[3] < 0.7) relay.shape(['proxy'], 'requests', flow)
      if (dice[3] >= 0.3) relay.shape(['proxy'], 'replies', flow)
      await sleep(durationMs)
      relay.heal()
    },
  },
  'lose-peers': {
    summary: 'the last that fronts, or the owner, have said to each other is lost, and then their connections break',
    resource: 'proxy',
    withFronts: true,
    lasts: [10, 500],
    async run({ ring }, { durationMs, dice }) {
      const { relay } = placeOf(ring, ring.proxy)
      // Or a part of it comes: in the middle of a message, or of a reply.
      const flow = { stalled: true, ...(dice[1] < 0.5 && { afterBytes: 1 + Math.floor(dice[2] * 3000) }) }
      relay.shape(['proxy'], dice[0] < 0.5 ? 'requests' : 'replies', flow)
      await sleep(durationMs)
      relay.cut(['proxy'])
      relay.heal()
    },
  },
  'late-peers': {
    summary: 'what fronts have said last comes when they believe the connection dead, and have made another one',
    resource: 'proxy',
    withFronts: true,
    lasts: [100, 4000],
    async run({ ring }, { durationMs, dice }) {
      await placeOf(ring, ring.proxy).relay.deliverLate(10 + dice[0] * 300, durationMs)
    },
  },
  'blackhole-peers': {
    summary: 'what fronts and the owner say to each other is lost without a reset, and delivered long after',
    resource: 'proxy',
    withFronts: true,
    lasts: [300, 12_000],
    async run({ ring }, { durationMs, dice }) {
      const { relay } = placeOf(ring, ring.proxy)
      relay.swallow(['proxy'])
      await sleep(durationMs)
      await relay.spit(dice[0] * RESENT_MS)
    },
  },
  'kill-owner-and-front': {
    summary: 'kill -9 of the owner and of a front, together or one soon after the other; both are started again',
    resource: 'proxy',
    withFronts: true,
    lasts: [0, 3000],
    async run({ ring }, { durationMs, dice }) {
      const both = [ring.proxy, someFront(ring, dice[0])]
      // A front may be about to go on when it is killed.
      await Promise.all([both[0].kill(), sleep(dice[1] * 2500).then(() => both[1].kill())])
      await sleep(durationMs)
      await Promise.all(both.map((proxy) => proxy.start()))
    },
  },
  'stop-owner': {
    summary: 'the owner stops in order, a front goes on, and it is started again as a front',
    resource: 'proxy',
    withFronts: true,
    lasts: [0, 3000],
    async run({ ring }, { durationMs }) {
      const owner = ring.proxy
      await owner.kill('SIGTERM')
      await sleep(durationMs)
      await owner.start()
    },
  },
  'pause-owner': {
    summary: 'SIGSTOP of the owner: a front goes on when that lasts, and it ends when it wakes',
    resource: 'proxy',
    withFronts: true,
    lasts: [50, 10_000],
    async run({ ring }, { durationMs }) {
      await pause(ring.proxy, durationMs)
    },
  },
  'cut-owner': {
    summary: 'the connections of the owner to all members are reset and refused: a front goes on when that lasts',
    resource: 'proxy',
    withFronts: true,
    lasts: [100, 8000],
    async run({ ring }, { durationMs }) {
      const owner = ring.proxy
      owner.harm()
      const healed = await cutOff(ring, owner, false)
      await sleep(durationMs)
      healed()
      await findsOut(owner)
    },
  },
}

async function pause(proxy: ProxyProcess, durationMs: number): Promise<void> {
  proxy.harm('SIGSTOP')
  await sleep(durationMs)
  proxy.harm('SIGCONT')
  await findsOut(proxy)
}

/** A proxy that may have been taken over from knows of it soon, and ends: it is started again. Until then it is not to be blamed. */
async function findsOut(proxy: ProxyProcess): Promise<void> {
  if (await proxy.endsWithin(WOKEN_MS)) await proxy.start()
  else proxy.absolve()
}

/** Nothing of a proxy reaches the members, nor the others: until the function that it gives is called. */
async function cutOff(ring: ChaosRing, proxy: ProxyProcess, fromPeers: boolean): Promise<() => void> {
  const run = await runOf(ring, proxy)
  const isIt = ({ name }: { readonly name: string }) => run !== undefined && name.endsWith(run)
  const relays = [...ring.members.values(), ...(fromPeers ? ring.places : [])].map(({ relay }) => relay)
  const healed = relays.map((relay) => relay.refuse(isIt))
  return () => {
    for (const heal of healed) heal()
  }
}
