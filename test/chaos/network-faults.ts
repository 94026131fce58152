import { setTimeout as sleep } from 'node:timers/promises'
import type { Fault } from './faults.js'
import type { Direction, Side } from './relay.js'
import { isDown, onSentinel } from './sentinels.js'

/*
 * What networks do without a word: they lose bytes and the ends of connections, in both directions or in one, for
 * everybody or for some, and deliver later what TCP sends again.
 */

const BOTH: readonly Side[] = ['proxy', 'sentinel']

/** TCP waits ever longer before it sends again what was lost. */
const RESENT_MS = 6000

export const NETWORK_FAULTS: Readonly<Record<string, Fault>> = {
  blackhole: {
    summary: 'what 1 to r members and everybody say to each other is lost without a reset, and delivered long after',
    resource: 'members',
    lasts: [300, 4000],
    async run({ ring }, { durationMs, dice }, targets) {
      for (const name of targets) ring.member(name).relay.swallow(BOTH)
      await sleep(durationMs)
      await Promise.all(targets.map((name) => ring.member(name).relay.spit(dice[0] * RESENT_MS)))
    },
  },
  'blackhole-odown': {
    summary: 'the same until a member was declared down; it is back and filled when the old bytes arrive',
    resource: 'members',
    lasts: [100, 1000],
    async run({ ring }, { durationMs, dice }, targets) {
      for (const name of targets) ring.member(name).relay.swallow(BOTH)
      for (const name of targets) await isDown(ring, name)
      await sleep(durationMs)
      await Promise.all(targets.map((name) => ring.member(name).relay.spit(2000 + dice[0] * RESENT_MS)))
    },
  },
  'one-way': {
    summary: '1 to r members are not heard by anybody, or hear nobody; what was lost is delivered later',
    resource: 'members',
    lasts: [300, 4000],
    async run({ ring }, { durationMs, dice }, targets) {
      const directions: Direction[] = [dice[0] < 0.5 ? 'requests' : 'replies']
      for (const name of targets) ring.member(name).relay.swallow(BOTH, directions)
      await sleep(durationMs)
      await Promise.all(targets.map((name) => ring.member(name).relay.spit(dice[1] * 2000)))
    },
  },
  'split-sentinels': {
    summary: 'some of the Sentinels do not reach 1 to r members, which all others do',
    resource: 'members',
    lasts: [300, 4000],
    async run({ ring }, { durationMs, dice }, targets) {
      const blind = ring.sentinels.slice(0, 1 + Math.floor(dice[0] * (ring.sentinels.length - 1)))
      const names = await Promise.all(blind.map(({ server }) => onSentinel(server)))
      for (const name of targets) ring.member(name).relay.refuse((peer) => names.includes(peer.name))
      await sleep(durationMs)
      for (const name of targets) ring.member(name).relay.heal()
    },
  },
}
