/* Bull: a hundred jobs for two workers, failures that are tried again, delays, priorities, a limiter, a job that repeats. */
import Queue from 'bull'

const redis = { host: '127.0.0.1', port: Number(process.argv[2]) }
const queue = new Queue('video', { redis })
const other = new Queue('video', { redis })
const settled = (job) => job.finished().catch((error) => error.message)
const work = async ({ name, data, attemptsMade }) => {
  if (name === 'once more' && attemptsMade === 0) throw new Error('not yet')
  if (name === 'failing') throw new Error('never')
  return data.n ?? 'tick'
}
for (const worker of [queue, other]) worker.process('*', 3, work)
const jobs = await queue.addBulk(Array.from({ length: 100 }, (_, n) => ({ name: 'plain', data: { n } })))
const results = await Promise.all(jobs.map(settled))
console.log(
  'sum',
  results.reduce((sum, n) => sum + n, 0),
)
const special = [
  await queue.add('later', { n: 1 }, { delay: 500 }),
  await queue.add('once more', { n: 2 }, { attempts: 2, backoff: 100 }),
  await queue.add('urgent', { n: 3 }, { priority: 1 }),
  await queue.add('failing', {}),
]
console.log('delayed, tried again, urgent, failing', await Promise.all(special.map(settled)))
const ticked = new Promise((resolve) => queue.on('global:completed', (_, result) => result === '"tick"' && resolve()))
await queue.add('tick', {}, { repeat: { every: 300, limit: 5 } })
await ticked
console.log(
  'repeats',
  (await queue.getRepeatableJobs()).map(({ name, every }) => [name, Number(every)]),
)
await queue.removeRepeatable('tick', { every: 300, limit: 5 })
// The last one was heard of before its worker has said so.
while ((await queue.getActiveCount()) > 0) await new Promise((resolve) => setTimeout(resolve, 10))
const { failed, waiting, active } = await queue.getJobCounts()
console.log('counts', { failed, waiting, active })
await Promise.all([queue.close(), other.close()])
