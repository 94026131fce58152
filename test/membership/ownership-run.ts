import type { Test } from 'tap'
import { MARKS_QUERY } from '../../src/backend/handshake.js'
import { Links } from '../../src/backend/links.js'
import { Turn } from '../../src/base/turn.js'
import { ask } from '../../src/local/ask.js'
import { NOTHING_TAKEN, type Taken } from '../../src/membership/heartbeats.js'
import { decodeMarks, type Marks, writeOwner } from '../../src/membership/marker.js'
import { Ownership } from '../../src/membership/ownership.js'
import { decodeReply } from '../../src/resp/decode.js'
import { emptyView } from '../../src/view/build-view.js'
import type { Member, View } from '../../src/view/view.js'
import { LogLines } from '../helpers/log-lines.js'
import { RawConnection, RealRedis } from '../helpers/real-redis.js'
import { until } from '../helpers/until.js'

/** One run of a proxy, as far as its links and its ownership go. */
export class Run {
  readonly turn = new Turn()
  readonly lines = new LogLines()
  readonly ownership: Ownership
  readonly links: Links
  readonly downs: string[] = []
  deposed: string | undefined
  isServing = false
  taken: Taken = NOTHING_TAKEN
  view: View = emptyView('dt', 1, 1)

  constructor(
    t: Test,
    readonly run: string,
    private readonly servers: readonly RealRedis[],
    options: { wipe?: boolean } = {},
  ) {
    const { turn } = this
    const { log } = this.lines
    this.ownership = new Ownership({
      ringId: 'dt',
      run,
      where: `the place of ${run}`,
      peer: () => ({ peer: `${run}:6382`, peerTls: true }),
      wipe: options.wipe === true,
      turn,
      log,
      links: () => this.links,
      view: () => this.view,
      serving: () => this.isServing,
      lastTaken: () => this.taken,
      isStray: () => false,
      refusedChanged: () => {},
      deposed: (reason) => {
        this.deposed = reason
      },
    })
    const linkOptions = {
      connectTimeoutMs: 2000,
      reconnectMinMs: 5,
      reconnectMaxMs: 50,
      pingIntervalMs: 60_000,
      ringId: 'dt',
      runId: run,
      admit: (...about: Parameters<Ownership['admit']>) => this.ownership.admit(...about),
    }
    this.links = new Links(linkOptions, turn, log, {
      onUp: () => {},
      onDown: (link, reason) => this.downs.push(`${link.name}: ${reason}`),
    })
    t.teardown(() => {
      this.ownership.stop()
      this.links.close()
    })
  }

  connect(): void {
    for (const member of this.members()) this.links.connect(member)
  }

  async up(): Promise<this> {
    this.connect()
    await until(`the links of ${this.run} are up`, () => this.links.all().every(({ ready }) => ready))
    return this
  }

  members(): Member[] {
    return this.servers.map(({ port }, i) => ({ name: `dt-${i + 1}`, host: '127.0.0.1', port, state: 'up' }))
  }

  ready(): number {
    return this.links.all().filter(({ ready }) => ready).length
  }
}

export async function startServers(t: Test, count: number): Promise<RealRedis[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => RealRedis.start('--enable-debug-command', 'yes')),
  )
  t.teardown(() => Promise.all(servers.map((server) => server.stop())))
  return servers
}

export async function on(server: RealRedis, ...args: string[]): Promise<Buffer> {
  const connection = await RawConnection.open(server.port, 3)
  const reply = await connection.ask(...args)
  connection.close()
  return reply
}

export async function marksOf(server: RealRedis): Promise<Marks> {
  const reply = await on(server, ...MARKS_QUERY)
  return decodeMarks(decodeReply(reply, 0, reply.length))
}

export async function owners(servers: readonly RealRedis[]): Promise<(string | undefined)[]> {
  const marks = await Promise.all(servers.map(marksOf))
  return marks.map(({ owner }) => owner?.run)
}

/** The server does nothing for so many seconds, from now on. */
export async function fallsAsleep(t: Test, { port }: RealRedis, seconds: number): Promise<void> {
  const sleeper = await RawConnection.open(port)
  t.teardown(() => sleeper.close())
  sleeper.ask('DEBUG', 'SLEEP', String(seconds)).catch(() => {})
  await until('it sleeps', async () => (await ask('127.0.0.1', port, 'PING')) === undefined)
}

/** What another run may have noted on a server. */
export const owner = (run: string, term: number) =>
  writeOwner({ ringId: 'dt', run, term, where: `the place of ${run}`, heartbeat: 5, clean: true })
