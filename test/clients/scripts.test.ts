import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { FlowProducer, type Job, Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import Redlock from 'redlock'
import t, { type Test } from 'tap'
import { startProxy, type TestProxy, type TestProxyOptions } from '../helpers/proxy.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * Libraries whose work is scripts, unchanged.
 */

interface Story {
  readonly proxy: TestProxy
  readonly connect: () => Redis
}

/** What works in the background, as BullMQ, goes on while the members are looked at one after the other. */
async function replicasBecomeEqual(t: Test, proxy: TestProxy): Promise<void> {
  await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
  t.pass('all replicas are equal')
}

async function begin(t: Test, options: TestProxyOptions = {}): Promise<Story> {
  const proxy = await startProxy(t, options)
  const clients: Redis[] = []
  t.teardown(() => {
    for (const client of clients) client.disconnect()
  })
  const connect = () => {
    const client = new Redis({ host: proxy.host, port: proxy.port, maxRetriesPerRequest: null })
    clients.push(client)
    return client
  }
  return { proxy, connect }
}

t.test('rate-limiter-flexible: so many points for each key, whoever asks', async (t) => {
  const { proxy, connect } = await begin(t)
  const limiters = [connect(), connect()].map(
    (storeClient) => new RateLimiterRedis({ storeClient, points: 5, duration: 60, blockDuration: 60 }),
  )
  const tries = Array.from({ length: 12 }, (_, i) =>
    limiters[i % 2].consume('somebody').then(
      () => 'let in',
      (res) => {
        if (!(res instanceof RateLimiterRes)) throw res
        return 'refused'
      },
    ),
  )
  const results = await Promise.all(tries)
  t.equal(results.filter((result) => result === 'let in').length, 5)
  t.equal((await limiters[0].get('somebody'))?.remainingPoints, 0)
  await limiters[1].delete('somebody')
  t.equal((await limiters[0].consume('somebody', 2)).remainingPoints, 3)
  await limiters[0].reward('somebody', 1)
  t.equal((await limiters[1].get('somebody'))?.consumedPoints, 1)
  await replicasBecomeEqual(t, proxy)
})

t.test('redlock: one holder at a time, of several resources on several servers', async (t) => {
  const { proxy, connect } = await begin(t)
  const lockers = [0, 1, 2].map(
    () => new Redlock([connect() as never], { retryCount: 200, retryDelay: 10, retryJitter: 10 }),
  )
  let inside = 0
  let entered = 0
  await Promise.all(
    lockers.map(async (locker) => {
      for (let i = 0; i < 5; i++) {
        const lock = await locker.lock(['lock:a', 'lock:b', 'lock:c'], 60_000)
        t.equal(++inside, 1)
        await lock.extend(60_000)
        entered++
        inside--
        await lock.unlock()
      }
    }),
  )
  t.equal(entered, 15)
  const [one, other] = lockers
  const held = await one.lock('lock:a', 60_000)
  const impatient = new Redlock([connect() as never], { retryCount: 0 })
  const refused = await impatient.lock('lock:a', 1000).then(
    () => 'locked',
    (failure: Error) => failure.name,
  )
  t.equal(refused, 'LockError')
  await held.unlock()
  await (await other.lock('lock:a', 1000)).unlock()
  await replicasBecomeEqual(t, proxy)
})

const BULL: [how: string, options: TestProxyOptions][] = [
  ['of a key group', { config: { ring: { keyGroups: ['bull:{*}:*'] } } }],
  ['on several servers', {}],
]

for (const [how, options] of BULL) {
  t.test(`BullMQ, with the keys of a queue ${how}`, async (t) => {
    const { proxy, connect } = await begin(t, options)
    const connection = connect()
    const queue = new Queue('mail', { connection })
    // Asked for each job, as a worker does between its waits.
    const worker = new Worker('mail', null, { connection: connect(), autorun: false, lockDuration: 60_000 })
    t.teardown(async () => {
      await worker.close(true)
      await queue.close()
    })
    const next = async () => (await worker.getNextJob('token', { block: false })) as Job | undefined
    const finish = async (job: Job | undefined) => {
      await job?.moveToCompleted('done', 'token', false)
      return job?.name
    }

    await t.test('jobs in the order of their priorities, each once', async (t) => {
      await queue.addBulk(Array.from({ length: 10 }, (_, i) => ({ name: `job ${i}`, data: { i } })))
      await queue.add('urgent', {}, { priority: 1 })
      await queue.add('less urgent', {}, { priority: 5 })
      const names: (string | undefined)[] = []
      for (let i = 0; i < 12; i++) names.push(await finish(await next()))
      t.same(names, [...Array.from({ length: 10 }, (_, i) => `job ${i}`), 'urgent', 'less urgent'])
      t.equal(await next(), undefined)
      t.match(await queue.getJobCounts(), { waiting: 0, active: 0, completed: 12, prioritized: 0 })
    })

    await t.test('a flow, which is added by scripts in one transaction: the parent behind its children', async (t) => {
      const flows = new FlowProducer({ connection: connect() })
      t.teardown(() => flows.close())
      const children = ['one', 'other'].map((name) => ({ name, queueName: 'mail' }))
      await flows.add({ name: 'parent', queueName: 'mail', children })
      const names: (string | undefined)[] = []
      for (let i = 0; i < 3; i++) names.push(await finish(await next()))
      t.same([names.slice(0, 2).sort(), names[2]], [['one', 'other'], 'parent'])
    })

    await t.test('delayed jobs, failures that are tried again, and jobs that repeat', async (t) => {
      const delayed = await queue.add('later', {}, { delay: 60_000 })
      t.equal(await delayed.getState(), 'delayed')
      t.equal(await next(), undefined)
      await delayed.changeDelay(1)
      let later: Job | undefined
      await until('it is time', async () => (later = await next()) !== undefined)
      t.equal(await finish(later), 'later')
      await queue.add('failing', {}, { attempts: 2 })
      const first = await next()
      await first?.moveToFailed(new Error('no'), 'token', false)
      t.equal(await finish(await next()), 'failing')
      await queue.upsertJobScheduler('often', { every: 100 }, { name: 'tick' })
      const ticks: string[] = []
      for (let i = 0; i < 100 && ticks.length < 3; i++) {
        const job = await next()
        if (job === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
        else ticks.push(String(await finish(job)))
      }
      t.ok(ticks.length >= 1, String(ticks))
      await queue.removeJobScheduler('often')
    })
    await t.test('a flow: the parent comes when its children are done', async (t) => {
      const flows = new FlowProducer({ connection })
      const { job } = await flows.add({
        name: 'parent',
        queueName: 'mail',
        children: [1, 2, 3].map((i) => ({ name: `child ${i}`, queueName: 'mail' })),
      })
      t.equal(await job.getState(), 'waiting-children')
      const names: (string | undefined)[] = []
      for (let i = 0; i < 4; i++) names.push(await finish(await next()))
      t.same(names, ['child 1', 'child 2', 'child 3', 'parent'])
      t.same(Object.values(await job.getChildrenValues()), ['done', 'done', 'done'])
    })
    await replicasBecomeEqual(t, proxy)
  })
}

for (const [how, options] of BULL) {
  t.test(`workers of BullMQ that wait for jobs, with the keys of a queue ${how}`, async (t) => {
    const { proxy, connect } = await begin(t, options)
    const queue = new Queue('work', { connection: connect() })
    const workers: Worker[] = []
    t.teardown(async () => {
      await Promise.all(workers.map((worker) => worker.close(true)))
      await queue.close()
    })
    const work = (process: (job: Job) => Promise<string>) => {
      const worker = new Worker('work', process, { connection: connect() })
      workers.push(worker)
      worker.on('error', () => {})
      return worker
    }
    const done = (names: string[], count: number) =>
      until(`${count} jobs are done`, () => names.length >= count, 20_000)

    const names: string[] = []
    let failures = 0
    work(async (job) => {
      if (job.name === 'failing' && failures++ === 0) throw new Error('not yet')
      names.push(job.name)
      return 'done'
    })
    await queue.add('later', {}, { delay: 300 })
    await queue.add('failing', {}, { attempts: 3, backoff: { type: 'fixed', delay: 100 } })
    await queue.addBulk([1, 2, 3].map((i) => ({ name: `now ${i}`, data: {} })))
    await done(names, 5)
    t.same(names.sort(), ['failing', 'later', 'now 1', 'now 2', 'now 3'])
    await until('all are completed', async () => (await queue.getJobCounts()).completed === 5)
    t.equal(failures, 2, 'it failed once')
    await replicasBecomeEqual(t, proxy)
  })
}

/** A program of its own that takes a job and never ends it. */
const TAKES_AND_HANGS = `
const { Worker } = require('bullmq')
const [host, port] = process.argv.slice(1)
const work = () => new Promise(() => process.stdout.write('taken'))
const connection = { host, port: Number(port), maxRetriesPerRequest: null }
new Worker('work', work, { connection, lockDuration: 500, skipStalledCheck: true })`

for (const [how, options] of BULL) {
  t.test(`a worker of BullMQ is killed, and another one does its job, with the keys of a queue ${how}`, async (t) => {
    const { proxy, connect } = await begin(t, options)
    const queue = new Queue('work', { connection: connect() })
    const killed = async () => {
      const child = spawn(process.execPath, ['-e', TAKES_AND_HANGS, proxy.host, String(proxy.port)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      t.equal(String((await once(child.stdout, 'data'))[0]), 'taken')
      child.kill('SIGKILL')
      await once(child, 'close')
    }
    await queue.add('once', {})
    await killed()
    t.match(await queue.getJobCounts(), { waiting: 0, active: 1 })
    const done: string[] = []
    const worker = new Worker('work', async ({ name }) => done.push(name), {
      ...{ connection: connect(), lockDuration: 500, stalledInterval: 200, maxStalledCount: 1 },
    })
    const stalled: string[] = []
    worker.on('stalled', (id) => stalled.push(id))
    worker.on('error', () => {})
    t.teardown(async () => {
      await worker.close(true)
      await queue.close()
    })
    await until('the other one has done it', async () => (await queue.getJobCounts()).completed === 1, 20_000)
    t.same([done, stalled.length], [['once'], 1])
    t.match(await queue.getJobCounts(), { waiting: 0, active: 0, failed: 0 })
    await replicasBecomeEqual(t, proxy)
  })
}
