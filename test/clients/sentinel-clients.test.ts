import { execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createSentinel } from 'redis'
import t, { type Test } from 'tap'
import { freePorts } from '../../src/local/ports.js'
import { PausableProxy } from '../helpers/another-proxy.js'
import { startRing } from '../helpers/ring.js'

/*
 * Client libraries that find a proxy by asking one as if it were a Sentinel. They know the addresses of three; the one that they use is killed,
 * and later the one that owns the ring. They go on by themselves.
 */

const PASSWORD = 'known to all proxies of the ring'
/** Of clients; a Sentinel of Redis has often none, so libraries have another setting for it. */
const SECRET = 'secret'

/** A client that counts. */
interface Counter {
  /** Adds one; gives the sum. Rejects when it does not know what came of it. */
  count(): Promise<number>
  /** The port of the proxy that it uses; undefined when it uses none. */
  port(): number | undefined
}

/** Three proxies, one of which owns the ring. */
class Proxies {
  private readonly running = new Map<number, PausableProxy>()

  private constructor(
    private readonly t: Test,
    private readonly ring: Awaited<ReturnType<typeof startRing>>,
    readonly ports: readonly number[],
  ) {}

  /** The last of them owns the ring. */
  static async start(t: Test): Promise<Proxies> {
    const proxies = new Proxies(t, await startRing(t), await freePorts(3))
    for (const port of proxies.ports.toReversed()) await proxies.start(port)
    return proxies
  }

  async start(port: number): Promise<void> {
    const settings = {
      ...{ DT_LISTEN_PORT: String(port), DT_AUTH_PASSWORD: SECRET },
      ...{ DT_PEERS_PORT: '0', DT_PEERS_PASSWORD: PASSWORD },
    }
    this.running.set(port, await PausableProxy.start(this.t, this.ring, settings, ['--standby']))
  }

  async kill(port: number): Promise<void> {
    const proxy = this.running.get(port)!
    proxy.child.kill('SIGKILL')
    await proxy.exit
  }
}

async function story(t: Test, connect: (ports: readonly number[]) => Promise<Counter>): Promise<void> {
  const proxies = await Proxies.start(t)
  const [first, , owner] = proxies.ports
  const client = await connect(proxies.ports)
  let sum = 0
  let unknown = 0
  const goOn = async (times: number) => {
    for (let done = 0; done < times; ) {
      const found = await client.count().catch(() => undefined)
      if (found === undefined) {
        unknown++
        await sleep(100)
        continue
      }
      t.ok(found > sum, `${found} follows ${sum}`)
      sum = found
      done++
    }
  }
  await goOn(200)
  t.equal(client.port(), first, 'it uses the one that it asked first')
  await proxies.kill(first)
  await goOn(200)
  t.not(client.port(), first, 'it uses another one')
  await proxies.start(first)
  await sleep(1000)
  await proxies.kill(owner)
  await goOn(200)
  t.not(client.port(), owner)
  t.comment(`${sum} counted, of ${unknown} it did not know`)
}

t.test('ioredis', async (t) => {
  await story(t, async (ports) => {
    const redis = new Redis({
      sentinels: ports.map((port) => ({ host: '127.0.0.1', port })),
      name: 'dt',
      password: SECRET,
      sentinelPassword: SECRET,
    })
    redis.on('error', () => {}) // Broken connections are part of the story.
    t.teardown(() => redis.disconnect())
    return { count: () => redis.incr('n'), port: () => redis.stream?.remotePort }
  })
})

t.test('node-redis', async (t) => {
  await story(t, async (ports) => {
    const sentinel = createSentinel({
      name: 'dt',
      sentinelRootNodes: ports.map((port) => ({ host: '127.0.0.1', port })),
      nodeClientOptions: { password: SECRET },
      sentinelClientOptions: { password: SECRET },
    })
    sentinel.on('error', () => {}) // As above.
    let port: number | undefined
    sentinel.on('topology-change', (event: { type: string; node: { port: number } }) => {
      if (event.type === 'MASTER_CHANGE') port = event.node.port
    })
    await sentinel.connect()
    t.teardown(() => sentinel.destroy())
    return { count: () => sentinel.incr('n'), port: () => port }
  })
})

/** Counts when it reads a line, and says the sum, or ?, and the port of the proxy. */
const PYTHON = `
import sys
from redis.sentinel import Sentinel
from redis.exceptions import RedisError

sentinel = Sentinel([('127.0.0.1', int(port)) for port in sys.argv[1:]], sentinel_kwargs={'password': '${SECRET}'})
client = sentinel.master_for('dt', password='${SECRET}')
for line in sys.stdin:
    try:
        print(client.incr('n'), (client.connection_pool.master_address or (0, 0))[1], flush=True)
    except RedisError as error:
        print('?', 0, flush=True)
`

const hasRedisPy = (() => {
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import redis.sentinel'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

t.test('redis-py', { skip: hasRedisPy ? false : 'the package python3-redis is not installed' }, async (t) => {
  await story(t, async (ports) => {
    const child = spawn('/usr/bin/python3', ['-c', PYTHON, ...ports.map(String)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    let port: number | undefined
    return {
      port: () => port,
      async count() {
        child.stdin.write('\n')
        const [sum, at] = String((await lines.next()).value).split(' ')
        if (sum === '?') throw new Error('nobody knows')
        port = Number(at)
        return Number(sum)
      },
    }
  })
})
