import t, { type Test } from 'tap'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { comeBack, declareDown } from '../helpers/sentinels.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { until } from '../helpers/until.js'

/** On several servers, whatever the hash seed of the ring. */
const QUEUES = ['queue:1', 'queue:2', 'queue:3', 'queue:4']
const DONE = 'done'

/** What those who take elements send, each again and again. */
const TAKERS = [
  ['BLPOP', ...QUEUES, '0'],
  ['BLPOP', QUEUES[0], '0'],
  ['BRPOP', QUEUES[1], QUEUES[0], '0'],
  ['BLMPOP', '0', '2', QUEUES[2], QUEUES[3], 'LEFT'],
  ['BLMOVE', QUEUES[2], DONE, 'LEFT', 'RIGHT', '0'],
  ['BLMOVE', QUEUES[3], DONE, 'RIGHT', 'LEFT', '0'],
]

/** Elements that are pushed one by one, and clients who wait for them; whose connection ends comes again. */
class WorkQueue {
  /** What was acknowledged, and what may be there. */
  readonly pushed = new Set<string>()
  private readonly unsure = new Set<string>()
  readonly taken: string[] = []
  /** What of that was not moved. */
  private readonly popped = new Set<string>()
  /** Those who took have died, or were told that nobody knows, so often: each time an element may be gone. */
  mayBeLost = 0
  private isOver = false
  private elements = 0
  private readonly clients = new Set<RawClient>()
  private readonly work: Promise<void>[]

  constructor(private readonly port: () => number) {
    this.work = [...TAKERS.map((words) => this.take(words)), this.push(), this.push()]
  }

  private async push(): Promise<void> {
    while (!this.isOver) {
      await this.connected(async (client) => {
        while (!this.isOver) {
          const element = `element:${++this.elements}`
          this.unsure.add(element)
          const reply = String(await client.ask('RPUSH', QUEUES[this.elements % QUEUES.length], element))
          if (reply.startsWith(':')) this.pushed.add(element)
          if (reply.startsWith(':') || reply.includes('not applied')) this.unsure.delete(element)
        }
      })
    }
  }

  private async take(words: readonly string[]): Promise<void> {
    while (!this.isOver) {
      await this.connected(async (client) => {
        for (;;) {
          const reply = String(await client.ask(...words))
          const element = /element:\d+/.exec(reply)?.[0]
          if (element !== undefined) this.taken.push(element)
          if (element !== undefined && words[0] !== 'BLMOVE') this.popped.add(element)
          else if (!reply.includes('not applied')) this.mayBeLost++
        }
      })
      if (!this.isOver) this.mayBeLost++
    }
  }

  private async connected(work: (client: RawClient) => Promise<void>): Promise<void> {
    try {
      const client = await RawClient.connect(this.port())
      this.clients.add(client)
      await work(client)
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** So many more elements are taken. */
  async goesOn(count = 100): Promise<void> {
    const before = this.taken.length
    await until(`${count} more elements are taken`, () => this.taken.length >= before + count)
  }

  /** Nobody pushes any more, and what is there is taken: each element once, and none is gone but with a client. */
  async ends(t: Test): Promise<void> {
    this.isOver = true
    const client = await RawClient.connect(this.port())
    await until('the queues are empty', async () => String(await client.ask('EXISTS', ...QUEUES)) === ':0\r\n')
    let before = -1
    await until('nothing more comes', async () => {
      const isQuiet = before === this.taken.length
      before = this.taken.length
      if (!isQuiet) await new Promise((resolve) => setTimeout(resolve, 100))
      return isQuiet
    })
    const done: string[] = String(await client.ask('LRANGE', DONE, '0', '-1')).match(/element:\d+/g) ?? []
    client.close()
    for (const each of this.clients) each.close()
    await Promise.all(this.work)
    const taken = new Set(this.taken)
    t.equal(taken.size, this.taken.length, `taken twice: ${this.taken.filter((e, i) => this.taken.indexOf(e) !== i)}`)
    // An element that moves between servers is under both names when the proxy dies in between: the client that moved it was cut off.
    const again = done.filter((element, i) => done.indexOf(element) !== i || this.popped.has(element))
    t.ok(again.length <= this.mayBeLost, `moved twice, or moved and taken: ${again}, ${this.mayBeLost} may be`)
    const gone = [...this.pushed].filter((element) => !taken.has(element) && !done.includes(element))
    t.ok(gone.length <= this.mayBeLost, `${gone.length} of ${this.pushed.size} are gone, ${this.mayBeLost} may be`)
    t.same(
      [...taken].filter((element) => !this.pushed.has(element) && !this.unsure.has(element)),
      [],
    )
  }
}

t.test(
  'servers fail, come back, join and leave: nobody who waits loses an element, and none is given twice',
  async (t) => {
    const proxy = await startProxy(t)
    const queue = new WorkQueue(() => proxy.port)
    const { ring } = proxy
    const admin = await proxy.connect(3)
    const isStill = async () => String(await admin.ask('DT', 'MIGRATIONS')) === '*0\r\n'
    await queue.goesOn()
    await ring.server('dt-2').kill()
    await declareDown(ring, 'dt-2')
    await queue.goesOn()
    await comeBack(ring, 'dt-2')
    const joining = await startRedis(t, '--appendonly', 'yes', '--maxmemory-policy', 'noeviction')
    t.match(String(await admin.ask('DT', 'ADD', 'dt-9', `127.0.0.1:${joining.port}`)), /^%/)
    const isMember = async () => String(await admin.ask('DT', 'NODES')).includes('dt-9')
    await until('it is a member', async () => (await isMember()) && (await isStill()))
    await queue.goesOn()
    t.match(String(await admin.ask('DT', 'REMOVE', 'dt-9')), /^%/)
    await until('it has left', async () => !(await isMember()) && (await isStill()))
    await queue.goesOn()
    await queue.ends(t)
  },
)

t.test('another proxy takes over: who waits is cut off, and each element goes to one client', async (t) => {
  const ring = await startRing(t)
  let proxy = await AnotherProxy.started(t, ring)
  const queue = new WorkQueue(() => proxy.port)
  for (let i = 0; i < 2; i++) {
    await queue.goesOn()
    const first = proxy
    proxy = await AnotherProxy.started(t, ring, { takeover: true })
    await first.proxy.ended
    await first.proxy.stop()
    await queue.goesOn()
  }
  t.ok(queue.mayBeLost > 0, 'they were cut off')
  await queue.ends(t)
})

t.test('the proxy is killed: who waits comes again, and each element goes to one client', async (t) => {
  const serve = await ServeProcess.start(t, { nodes: 4 })
  const queue = new WorkQueue(() => serve.port)
  for (let i = 0; i < 2; i++) {
    await queue.goesOn()
    await serve.kill()
    await serve.startAgain()
    await queue.goesOn()
  }
  t.ok(queue.mayBeLost > 0, 'they were cut off')
  await queue.ends(t)
})
