import { setTimeout as sleep } from 'node:timers/promises'
import { command } from '../helpers/raw-client.js'
import { itemsOf, textOf } from '../helpers/raw-reply.js'
import { fieldsOf } from '../helpers/ring-state.js'
import type { ChaosRing, Place } from './chaos-ring.js'
import { Connection } from './connection.js'
import type { ProxyProcess } from './proxy-process.js'

/** How long one of them may take to answer, and how long an owner is looked for. */
const ANSWER_MS = 1000
const OWNER_PATIENCE_MS = 15_000

interface Listed {
  readonly role: string
  readonly run: string
  /** Where clients of it connect; NaN where that is not told. */
  readonly port: number
}

/** What a proxy says of all proxies of its ring [DT PROXIES]; empty when it says nothing. */
async function listedBy(port: number): Promise<Listed[]> {
  let connection: Connection | undefined
  try {
    connection = await Connection.open(port)
    const open = connection
    const timer = setTimeout(() => open.close('no answer'), ANSWER_MS)
    const commands = Buffer.concat([command('HELLO', '3'), command('DT', 'PROXIES')])
    const [, list] = await Promise.all(connection.send(commands, 2)).finally(() => clearTimeout(timer))
    return itemsOf(list).map((row) => {
      const field = (name: string) => textOf(fieldsOf(row).get(name)!)
      return { role: field('role'), run: field('run'), port: Number(/:(\d+)$/.exec(field('clients'))?.[1]) }
    })
  } catch {
    return []
  } finally {
    connection?.close('asked')
  }
}

/** What the owner says, whichever of them that is; empty when nobody knows it for a while. */
async function listedByOwner(proxies: readonly ProxyProcess[]): Promise<Listed[]> {
  for (const deadlineMs = Date.now() + OWNER_PATIENCE_MS; Date.now() < deadlineMs; await sleep(100)) {
    const all = await Promise.all(proxies.map(({ port }) => listedBy(port)))
    const whole = all.find((list) => list.some(({ role, port }) => role === 'owner' && !Number.isNaN(port)))
    if (whole !== undefined) return whole
  }
  return []
}

/** The one that owns the ring; undefined when nobody knows it for a while. */
export async function ownerOf(proxies: readonly ProxyProcess[]): Promise<ProxyProcess | undefined> {
  const owner = (await listedByOwner(proxies)).find(({ role }) => role === 'owner')
  return proxies.find(({ port }) => port === owner?.port)
}

/** One that does not own the ring, by the die. */
export function someFront({ places, proxy: owner }: ChaosRing, die: number): ProxyProcess {
  const fronts = places.filter(({ proxy }) => proxy !== owner)
  return fronts[Math.floor(die * fronts.length)].proxy
}

export function placeOf({ places }: ChaosRing, proxy: ProxyProcess): Place {
  return places.find((place) => place.proxy === proxy)!
}

/** The run of a proxy, by which it is known to others; undefined when nobody says it. */
export async function runOf({ places }: ChaosRing, { port }: ProxyProcess): Promise<string | undefined> {
  const listed = await listedByOwner(places.map(({ proxy }) => proxy))
  return listed.find((each) => each.port === port)?.run
}

/** The proxies of a ring with fronts that do not serve: the owner, or by the owner. */
export async function notServing({ places }: ChaosRing): Promise<number[]> {
  const each = await Promise.all(places.map(async ({ proxy }) => ((await proxy.serves()) ? [] : [proxy.port])))
  return each.flat()
}
