/* bee-queue: a hundred jobs for two workers, jobs that fail and are tried again, delayed ones, progress, health. */
import Queue from 'bee-queue'

const redis = { host: '127.0.0.1', port: Number(process.argv[2]) }
const producer = new Queue('sums', { redis, isWorker: false, getEvents: true, sendEvents: true })
const workers = [1, 2].map(() => new Queue('sums', { redis, activateDelayedJobs: true, getEvents: false }))
const tried = new Map()
for (const worker of workers) {
  worker.process(5, async (job) => {
    const { n, failures = 0 } = job.data
    const tries = (tried.get(n) ?? 0) + 1
    tried.set(n, tries)
    if (tries <= failures) throw new Error('not yet')
    job.reportProgress(50)
    return n * 2
  })
}
const done = new Map()
const finished = (job) =>
  new Promise((resolve) => {
    job.once('succeeded', (result) => resolve(done.set(job.data.n, result)))
    job.once('failed', (error) => resolve(done.set(job.data.n, error.message)))
  })
const add = async (n, options = {}) => {
  const job = producer.createJob({ n, failures: options.failures ?? 0 })
  if (options.retries) job.retries(options.retries).backoff('fixed', 50)
  if (options.delayMs) job.delayUntil(Date.now() + options.delayMs)
  // It may be done before it is known here that it was saved.
  const ended = finished(job)
  await job.save()
  return () => ended
}
const all = []
for (let n = 0; n < 100; n++) all.push(await add(n))
all.push(
  await add(1000, { failures: 2, retries: 3 }),
  await add(1001, { failures: 1 }),
  await add(1002, { delayMs: 500 }),
)
await Promise.all(all.map((ended) => ended()))
const sum = [...done].filter(([n]) => n < 1000).reduce((total, [, result]) => total + result, 0)
console.log(
  'sum',
  sum,
  'tried again',
  done.get(1000),
  tried.get(1000),
  'failed',
  done.get(1001),
  'delayed',
  done.get(1002),
)
const { waiting, active, succeeded, failed, delayed, newestJob } = await producer.checkHealth()
console.log('health', { waiting, active, succeeded, failed, delayed, newestJob })
await Promise.all([producer, ...workers].map((queue) => queue.close()))
