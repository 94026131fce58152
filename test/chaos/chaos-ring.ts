import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { LocalServer } from '../../src/local/local-ring.js'
import { freePorts } from '../../src/local/ports.js'
import { memberConfig, sentinelConfig } from '../../src/local/server-config.js'
import { ProxyProcess } from './proxy-process.js'
import { Relay } from './relay.js'

/** A redis-server, a member or a Sentinel, behind its relay. */
export interface Node {
  readonly name: string
  readonly server: LocalServer
  readonly relay: Relay
}

export interface ChaosRingOptions {
  readonly dir: string
  readonly nodes: number
  readonly replicas: number
  readonly sentinels: number
  readonly downAfterMs: number
  readonly nodeArgs: readonly string[]
  /** Each proxy keeps its view in a state file of its own. */
  readonly stateFile?: boolean
  /** The directory of another build of the proxy. */
  readonly program?: string | undefined
  /** More sections of the proxy's settings, in the place of those that chaos has. */
  readonly settings?: Readonly<Record<string, object>>
  /** Told of what ended by itself. */
  readonly onCrash: (who: string, how: string) => void
}

/**
 * Nothing is lost when a server is killed, and little when the machine dies: `everysec` holds writes back for up to two
 * seconds while the disk is slow, and what every holder has held back may be lost when all of them are killed at once.
 * And a slow script shows both of its faces: silence, then -BUSY. No Sentinel makes a replica out of what somebody took
 * for one a master.
 */
const MEMBER_CONFIG = ['appendfsync no', 'busy-reply-threshold 800', 'replica-priority 0']

const CLOCK_HOOK = new URL('./clock-hook.js', import.meta.url).href

/** How long after a crash the proxy is started again, and how often. */
const RESTART_MS = 300
const CRASHES_MAX = 5
/** What a proxy says that ends because it has found another one's mark. */
const CEDED = /another proxy has taken over the ring/

/** The data that `restore` knows by this name was kept before anything went wrong. */
export const THE_BEGINNING = 'the beginning'

/** How long a command waits in the proxy for servers of its range. */
export const UNAVAILABLE_TIMEOUT_MS = 5000

/**
 * A ring of real processes in which everything can go wrong: members, Sentinels, the proxy, and a relay before each
 * server. The Sentinels watch the members through their relays, so that these are the members' addresses for everybody.
 */
export class ChaosRing {
  readonly members = new Map<string, Node>()
  readonly sentinels: Node[] = []
  /** The names that the ring should consist of once it has come to rest. */
  readonly expected = new Set<string>()
  proxy!: ProxyProcess
  /** Another one that some of the clients use, while two run side by side. */
  second: ProxyProcess | undefined
  private readonly proxies = new Set<ProxyProcess>()
  /** Rejects when the proxy does not stay up, so that there is no sense in going on. */
  readonly hopeless: Promise<never>
  private giveUp!: (error: Error) => void
  private crashes = 0
  /** How often another proxy was started beside the one that serves, and how often one has found that and ended. */
  private challenges = 0
  private ceded = 0
  private stopped = false
  private readonly abandon = () => this.abandonAll()

  constructor(readonly options: ChaosRingOptions) {
    this.hopeless = new Promise((_, reject) => {
      this.giveUp = reject
    })
    this.hopeless.catch(() => {})
  }

  async start(): Promise<void> {
    const { options } = this
    mkdirSync(options.dir, { recursive: true })
    process.once('exit', this.abandon)
    for (let i = 1; i <= options.nodes; i++) {
      const node = await this.addServer(`dt-${i}`)
      this.expected.add(node.name)
    }
    for (let i = 1; i <= options.sentinels; i++) this.sentinels.push(await this.node(`sentinel-${i}`, 'sentinel'))
    for (const { server } of this.sentinels) this.configureSentinel(server)
    await Promise.all(this.sentinels.map(({ server }) => server.start()))
    this.proxy = await this.newProxy()
    await this.proxy.start()
  }

  async stop(): Promise<void> {
    this.stopped = true
    await Promise.all([...this.proxies].map((proxy) => proxy.kill()))
    const nodes = [...this.members.values(), ...this.sentinels]
    await Promise.all(nodes.map(({ server }) => server.kill()))
    for (const { relay } of nodes) relay.close()
    process.removeListener('exit', this.abandon)
  }

  /** The proxy that a client uses, by its number. */
  proxyOf(client: number): ProxyProcess {
    return client % 2 === 1 && this.second !== undefined ? this.second : this.proxy
  }

  member(name: string): Node {
    const node = this.members.get(name)
    if (node === undefined) throw new Error(`there is no member ${name}`)
    return node
  }

  /** Starts a server that no Sentinel knows yet. */
  async addServer(name: string): Promise<Node> {
    const node = await this.node(name, 'member')
    this.configureMember(node.server)
    await node.server.start()
    this.members.set(name, node)
    return node
  }

  /** Starts a member again: with what its AOF has, or empty. It is killed first if it runs. */
  async restart(name: string, empty: boolean): Promise<void> {
    const { server } = this.member(name)
    await server.kill()
    if (empty) {
      rmSync(server.dir, { recursive: true, force: true })
      this.configureMember(server)
    }
    await server.start()
  }

  /** Keeps what a member has on disk now, for `restore`. */
  keep(name: string, label: string): void {
    const { dir } = this.member(name).server
    rmSync(`${dir} ${label}`, { recursive: true, force: true })
    cpSync(dir, `${dir} ${label}`, { recursive: true })
  }

  /** Starts a member again with the data that was kept, or with none. */
  async restore(name: string, label: string): Promise<void> {
    const { server } = this.member(name)
    const kept = `${server.dir} ${label}`
    await server.kill()
    rmSync(server.dir, { recursive: true, force: true })
    if (existsSync(kept)) cpSync(kept, server.dir, { recursive: true })
    this.configureMember(server)
    await server.start()
  }

  /** Ends members that have left the ring. */
  async dismiss(): Promise<void> {
    for (const [name, { server, relay }] of [...this.members]) {
      if (this.expected.has(name)) continue
      this.members.delete(name)
      await server.kill()
      relay.close()
    }
  }

  /**
   * Another proxy for the same ring, with a port of its own; not started.
   *
   * @param mayEnd it is no crash if it ends by itself
   * @param besides it is on the machine of this one, with the same state file
   */
  async newProxy(args: readonly string[] = [], mayEnd = false, besides?: ProxyProcess): Promise<ProxyProcess> {
    const { dir, nodeArgs, program } = this.options
    const [port] = await freePorts(1)
    const configFile = join(dir, `proxy-${port}.yaml`)
    const stateFile = besides?.options.stateFile ?? join(dir, `state-${port}.json`)
    writeFileSync(configFile, JSON.stringify(this.proxySettings(port, stateFile)))
    const hook = `${CLOCK_HOOK}?${encodeURIComponent(pathToFileURL(this.clockFile).href)}`
    const logFile = join(dir, `proxy-${port}.log`)
    writeFileSync(logFile, '')
    if (mayEnd) this.challenges++
    const proxy = new ProxyProcess(
      { port, stateFile, configFile, logFile, cwd: dir, args, nodeArgs: [...nodeArgs, '--import', hook], program },
      (proxy, how) => {
        if (mayEnd && proxy !== this.proxy) return
        // The other one may have left its mark on some member before it ended, which is found at any time after.
        if (CEDED.test(how) && this.ceded < this.challenges) this.ceded++
        else this.options.onCrash('the proxy', how)
        void this.startAgain(proxy)
      },
    )
    this.proxies.add(proxy)
    return proxy
  }

  /** Puts the proxies' wall clock so many ms off. */
  setClock(offsetMs: number): void {
    writeFileSync(this.clockFile, String(offsetMs))
  }

  private get clockFile(): string {
    return join(this.options.dir, 'clock')
  }

  /** What a supervisor does with a process that ended by itself. */
  private async startAgain(proxy: ProxyProcess): Promise<void> {
    await sleep(RESTART_MS)
    // As long as there is another one the fault sees to both.
    if (proxy !== this.proxy || this.second !== undefined || proxy.pid !== undefined || this.stopped) return
    if (++this.crashes >= CRASHES_MAX) this.giveUp(new Error(`the proxy ended ${CRASHES_MAX} times`))
    else await proxy.start().catch((error: Error) => this.giveUp(error))
  }

  private proxySettings(port: number, ownFile: string): object {
    const { replicas, stateFile = false, program } = this.options
    // Another build may be one that has none unless it is told of one.
    const none = program === undefined ? { stateFile: 'none' } : {}
    const file = stateFile ? { stateFile: ownFile } : none
    return {
      listen: { port },
      ring: { id: 'chaos', replicas, ...file },
      sentinel: { addresses: this.sentinels.map(({ relay }) => `127.0.0.1:${relay.port}`), masterPattern: 'dt-*' },
      limits: { unavailableTimeoutMs: UNAVAILABLE_TIMEOUT_MS },
      log: { level: 'debug', format: 'json' },
      ...this.options.settings,
    }
  }

  private async node(name: string, role: 'member' | 'sentinel'): Promise<Node> {
    const [port, relayPort] = await freePorts(2)
    const { dir, onCrash } = this.options
    const server = new LocalServer(name, port, join(dir, name), role, (_, how) => onCrash(name, how))
    return { name, server, relay: await Relay.start(relayPort, port) }
  }

  private configureMember(server: LocalServer): void {
    server.configure(memberConfig(server, MEMBER_CONFIG))
  }

  private configureSentinel(server: LocalServer): void {
    const members = [...this.members.values()].map(({ name, relay }) => ({ name, host: '127.0.0.1', port: relay.port }))
    const sentinels = this.sentinels.map((node) => node.server)
    const quorum = Math.min(2, sentinels.length)
    server.configure(sentinelConfig(server, { members, sentinels, quorum, downAfterMs: this.options.downAfterMs }))
  }

  /** For the moment in which the harness itself ends. */
  private abandonAll(): void {
    const pids = [...this.members.values(), ...this.sentinels].map(({ server }) => server.pid)
    for (const pid of [...pids, this.proxy?.pid]) {
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL')
      } catch {
        // It is gone already.
      }
    }
  }
}
