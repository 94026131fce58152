import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { BenchRing } from '../support/bench-ring.js'
import { type Spread, spreadOf } from './results.js'
import { IN_MEMORY, NODES } from './systems.js'

/*
 * BullMQ at work: its scripts touch a dozen keys each, and make the names of some. How many jobs are added and completed in a second, as a
 * ratio to those of a Redis alone, in turn; with the keys of a queue on one replica set, and wherever they come to lie.
 */

export const QUEUE_NAMES = ['queue-group', 'queue-apart'] as const
export type QueueName = (typeof QUEUE_NAMES)[number]

export const QUEUE_TITLES: Readonly<Record<QueueName, string>> = {
  'queue-group': 'jobs of BullMQ a second, with ring.keyGroups: to those of Redis',
  'queue-apart': 'jobs of BullMQ a second, its keys on several servers: to those of Redis',
}

/** So many are added at the same time, and worked at. */
const AT_ONCE = 10
/** Completed jobs that are kept. */
const KEPT = 100

/** @param redisPort that of a Redis alone */
export async function measureQueues(
  name: QueueName,
  { redisPort, quick, signal }: { redisPort: number; quick: boolean; signal: AbortSignal },
): Promise<Spread> {
  const keyGroups = name === 'queue-group' ? ['bull:{*}:*'] : []
  const settings = { ring: { id: 'bench', replicas: 2, keyGroups } }
  return BenchRing.with({ nodes: NODES, replicas: 2, memberConfig: IN_MEMORY, settings }, async ({ port }) => {
    const ratios: number[] = []
    const [jobs, rounds] = quick ? [100, 1] : [1000, 5]
    // The first round warms up.
    for (let round = 0; round <= rounds && !signal.aborted; round++) {
      const own = await jobsPerSecond(port, `${name}-${round}`, jobs)
      const other = await jobsPerSecond(redisPort, `${name}-${round}`, jobs)
      if (round > 0) ratios.push(own / other)
    }
    return spreadOf(ratios)
  })
}

/** How many jobs a queue of its own does in a second. */
export async function jobsPerSecond(port: number, queueName: string, jobs: number): Promise<number> {
  const connections: Redis[] = []
  const connect = () => {
    const connection = new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: null })
    connections.push(connection)
    return connection
  }
  const queue = new Queue(queueName, { connection: connect(), defaultJobOptions: { removeOnComplete: KEPT } })
  let completed = 0
  let allCompleted = () => {}
  const whenCompleted = new Promise<void>((resolve) => {
    allCompleted = resolve
  })
  const work = async () => {
    if (++completed === jobs) allCompleted()
  }
  const worker = new Worker(queueName, work, { connection: connect(), concurrency: AT_ONCE, lockDuration: 60_000 })
  try {
    await worker.waitUntilReady()
    const beganMs = performance.now()
    let next = 0
    const produce = async () => {
      while (next < jobs) await queue.add('job', { number: next++ })
    }
    await Promise.all([whenCompleted, ...Array.from({ length: AT_ONCE }, produce)])
    // Those in its hands are completed as well.
    await worker.close()
    return jobs / ((performance.now() - beganMs) / 1000)
  } finally {
    await worker.close(true)
    await queue.close()
    for (const connection of connections) connection.disconnect()
  }
}
