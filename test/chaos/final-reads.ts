import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosRing } from './chaos-ring.js'
import { Client } from './client.js'
import type { Plan } from './commands.js'
import { dbsOf } from './databases.js'
import { unrest } from './health.js'
import { type History, isWide } from './history.js'
import { placement } from './placement.js'
import type { Random } from './random.js'

/** How the whole content of a key of each workload is read. */
const READERS: Readonly<Record<string, string>> = {
  register: 'get',
  flushed: 'get',
  swapped: 'get',
  counter: 'get',
  list: 'lrange',
  set: 'smembers',
  hash: 'hgetall',
  tagged: 'mget',
  fields: 'get',
  group: 'xrange',
  expiring: 'get',
  stream: 'xrange',
  deadline: 'look',
  cas: 'get',
  bank: 'look',
  moved: 'look',
  rotated: 'look',
  ring: 'mget',
  renamed: 'mget',
  scripted: 'look',
  scattered: 'look',
  queue: 'final',
  caching: 'get',
}

/**
 * Kills r holders of some key for good and reads every key once more: what any r members have is on others, too, whatever
 * was repaired and filled before.
 */
export async function killHolders(
  clients: Client[],
  ring: ChaosRing,
  history: History,
  random: Random,
): Promise<{ killed: readonly string[]; unread: string | undefined }> {
  const { replicas } = ring.options
  const holders = placement([...ring.expected], replicas)(Buffer.from(`key of ${random.next()}`))
  const killed = random.sample(holders, replicas)
  const kill = (name: string) => ring.member(name).server.kill()
  if (isServedWithout(ring, killed.length)) await Promise.all(killed.map(kill))
  else
    for (const name of killed) {
      await kill(name)
      ring.expected.delete(name)
      await becomesQuiet(ring)
    }
  return { killed, unread: await readFinally(clients, ring, history) }
}

/**
 * Without a state file nothing is served when fewer than half of the members of a moment ago are left [design §12], and they are of a
 * moment ago until the ring without them is noted.
 */
function isServedWithout({ options, expected }: ChaosRing, killed: number): boolean {
  return options.stateFile === true || 2 * killed <= expected.size
}

/** Resolves when the ring is what is left, or when that takes too long. */
async function becomesQuiet(ring: ChaosRing): Promise<void> {
  for (const deadlineMs = Date.now() + QUIET_PATIENCE_MS; Date.now() < deadlineMs; await sleep(100))
    if ((await unrest(ring)) === undefined) return
}

const TRIES = 5
const QUIET_PATIENCE_MS = 10_000
const BATCH = 50

/**
 * Reads every key that was ever used once more through the proxy, as operations like all others: what was acknowledged and is
 * missing now shows in the history. Gives a complaint when some cannot be read at all.
 */
export async function readFinally(clients: Client[], ring: ChaosRing, history: History): Promise<string | undefined> {
  const keys = new Map<string, Plan>()
  for (const operation of history.operations()) {
    const { key, workload } = operation
    const name = READERS[workload]
    // What SUNIONSTORE has stored, or a transaction, has no deadline: whatever it is, it need only be the same everywhere.
    const isOpen = /\/(stored|watched):/.test(key)
    if (name !== undefined && !isOpen && !isWide(operation))
      keys.set(key, { workload, key: key.slice(key.indexOf('/') + 1), name, args: [] })
  }
  const unread: string[] = []
  for (const db of new Set([...keys.keys()].flatMap(dbsOf))) {
    const reader = new Client(clients.length, db, 3, () => ring.address, history)
    clients.push(reader)
    let left = [...keys].filter(([key]) => dbsOf(key).includes(db)).map(([, plan]) => plan)
    for (let tries = 0; tries < TRIES && left.length > 0; tries++) {
      const failed: Plan[] = []
      for (let from = 0; from < left.length; from += BATCH) {
        const plans = left.slice(from, from + BATCH)
        const done = await reader.send(plans)
        failed.push(...plans.filter((_, i) => done[i]?.outcome.kind !== 'ok'))
      }
      left = failed
    }
    unread.push(...left.map(({ key }) => `${db}/${key}`))
  }
  if (unread.length === 0) return undefined
  return `${unread.length} of ${keys.size} keys cannot be read at the end, as ${JSON.stringify(unread[0])}`
}
