import { Redis } from 'ioredis'
import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { declareDown } from '../helpers/sentinels.js'
import { until } from '../helpers/until.js'

const JOBS = 120
const WORKERS = 4

/**
 * A queue as task runners have it: a worker moves a job to a list of its own, does it, and takes it from there; what a worker
 * leaves that is gone is put back by somebody else.
 */
class Worker {
  private readonly waiting: Redis
  private readonly client: Redis
  private readonly own: string
  /** It is gone with the job that it has taken. */
  isGone = false
  readonly finished: Promise<void>

  constructor(
    name: string,
    private readonly connect: () => Redis,
    private readonly done: string[],
  ) {
    this.own = `processing:${name}`
    this.waiting = connect()
    this.client = connect()
    this.finished = this.work()
  }

  private async work(): Promise<void> {
    for (;;) {
      // Where it is not known whether a job was moved, its own list tells.
      const left = () => this.client.lindex(this.own, 0)
      const job = await this.waiting.blmove('jobs', this.own, 'LEFT', 'RIGHT', 1).catch(left)
      if (this.isGone) break
      if (job === null && (await this.client.get('all are done')) !== null) break
      if (job === null) continue
      this.done.push(job)
      await this.finish(job)
    }
    this.waiting.disconnect()
    this.client.disconnect()
  }

  /** What may have been done already may be done again. */
  private async finish(job: string): Promise<void> {
    const tried = await this.client
      .multi()
      .lrem(this.own, 1, job)
      .hset('results', job, 'done')
      .exec()
      .catch(() => null)
    if (tried === null) await this.finish(job)
  }

  /** Puts back what it has left. */
  async putBack(): Promise<void> {
    const client = this.connect()
    while ((await client.lmove(this.own, 'jobs', 'RIGHT', 'LEFT')) !== null);
    client.disconnect()
  }
}

t.test('a queue of jobs that are moved and then done, through the failure of a worker and of a server', async (t) => {
  const proxy = await startProxy(t)
  const clients: Redis[] = []
  const connect = () => {
    const client = new Redis(proxy.port, proxy.host)
    client.on('error', () => {})
    clients.push(client)
    return client
  }
  t.teardown(() => {
    for (const client of clients) client.disconnect()
  })
  const done: string[] = []
  const workers = Array.from({ length: WORKERS }, (_, i) => new Worker(String(i), connect, done))
  const producer = connect()
  const names = Array.from({ length: JOBS }, (_, i) => `job ${i}`)
  for (const [i, job] of names.entries()) {
    await producer.rpush('jobs', job)
    if (i === JOBS / 3) workers[0].isGone = true
    if (i !== JOBS / 2) continue
    await proxy.ring.server('dt-2').kill()
    await declareDown(proxy.ring, 'dt-2')
  }
  await workers[0].finished
  await workers[0].putBack()
  await until('all jobs are done', async () => (await producer.hlen('results')) === JOBS)
  await producer.set('all are done', '1')
  await Promise.all(workers.map(({ finished }) => finished))
  t.same([...new Set(done)].sort(), [...names].sort())
  t.same(await producer.keys('processing:*'), [])
})
