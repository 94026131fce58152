import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../src/local/ask.js'
import type { LocalServer } from '../../src/local/local-ring.js'
import type { ChaosRing } from './chaos-ring.js'

/** How often it is asked whether a member is down, every 10 ms. */
const TRIES = 400

/** Waits until one of the Sentinels, or the given one, says that a member is objectively down, or for long enough. */
export async function isDown(ring: ChaosRing, name: string, sentinel = 0): Promise<void> {
  const { host, port } = ring.sentinels[sentinel].server
  const isOdown = new RegExp(`name=${name},status=odown`)
  for (let tries = 0; tries < TRIES; tries++) {
    if (isOdown.test((await ask(host, port, 'INFO sentinel')) ?? '')) return
    await sleep(10)
  }
}

/** How the connections of a Sentinel begin their names [Redis sentinel.c, sentinelSetClientName]. */
export async function onSentinel({ host, port, name }: LocalServer): Promise<string> {
  const id = await ask(host, port, 'SENTINEL MYID')
  if (id === undefined) throw new Error(`${name} does not say its id`)
  return `sentinel-${id.slice(0, 8)}`
}
