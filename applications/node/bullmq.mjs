/* BullMQ: a hundred jobs for two workers, priorities, delays, failures that are tried again, flows, a job that repeats. */
import { FlowProducer, Queue, QueueEvents, Worker } from 'bullmq'

const connection = { host: '127.0.0.1', port: Number(process.argv[2]), maxRetriesPerRequest: null }
const queue = new Queue('mail', { connection })
const events = new QueueEvents('mail', { connection })
await events.waitUntilReady()
// What a worker could not say of its job is found out within seconds, not half a minute.
const STALLED = { lockDuration: 3000, stalledInterval: 1000, maxStalledCount: 10 }
/** Asks again what was answered with an error of the connection or of the server. */
const finished = (job) =>
  job.waitUntilFinished(events, 60_000).catch((error) => {
    if (!/^[A-Z]+ /.test(error.message)) throw error
    return finished(job)
  })
const results = new Map()
const tries = new Map()
const work = async ({ id, name, data, attemptsMade }) => {
  if (name === 'failing') throw new Error('never')
  if (name === 'once more' && attemptsMade === 0) {
    tries.set(id, 1)
    throw new Error('not yet')
  }
  results.set(`${name} ${data.n ?? ''}`, data.n ?? 0)
  return data.n ?? 0
}
const workers = [1, 2].map(() => new Worker('mail', work, { connection, concurrency: 5, ...STALLED }))
for (const worker of workers) worker.on('error', () => {})

const jobs = await queue.addBulk(Array.from({ length: 100 }, (_, n) => ({ name: 'plain', data: { n } })))
const returned = await Promise.all(jobs.map(finished))
console.log(
  'sum',
  returned.reduce((sum, n) => sum + n, 0),
)
const later = await queue.add('later', { n: 7 }, { delay: 500 })
const again = await queue.add('once more', { n: 8 }, { attempts: 3, backoff: { type: 'fixed', delay: 100 } })
const urgent = await queue.add('urgent', { n: 9 }, { priority: 1 })
const waited = await Promise.all([later, again, urgent].map(finished))
console.log('delayed, tried again, urgent', waited, tries.size)
const failing = await queue.add('failing', {})
console.log('failed', await finished(failing).catch((error) => error.message))
const flows = new FlowProducer({ connection })
const children = [1, 2, 3].map((n) => ({ name: 'child', queueName: 'mail', data: { n } }))
const { job: parent } = await flows.add({ name: 'parent', queueName: 'mail', data: { n: 42 }, children })
console.log('parent', await finished(parent), Object.values(await parent.getChildrenValues()).sort())
await queue.upsertJobScheduler('often', { every: 200 }, { name: 'tick' })
while (!results.has('tick ')) await new Promise((resolve) => setTimeout(resolve, 20))
console.log('scheduler removed', await queue.removeJobScheduler('often'))
// The last one was heard of before its worker has said so.
while ((await queue.getActiveCount()) > 0) await new Promise((resolve) => setTimeout(resolve, 10))
const { failed, waiting, active } = await queue.getJobCounts()
console.log('counts', { failed, waiting, active })
await Promise.all([...workers, queue, events, flows].map((one) => one.close()))
