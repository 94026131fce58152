import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { LocalServer } from '../../src/local/local-ring.js'
import { freePorts } from '../../src/local/ports.js'
import { memberConfig, sentinelConfig } from '../../src/local/server-config.js'
import type { ProxyAddress } from './client.js'
import { notServing, ownerOf } from './fronts.js'
import { nowMs } from './history.js'
import { NotServingError, ProxyProcess } from './proxy-process.js'
import type { Random } from './random.js'
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
  /** Each proxy keeps its view in a state file of its own; fronts and their owner in the same. */
  readonly stateFile?: boolean
  /** How many there are, and the numbers by which clients choose a proxy. */
  readonly fronts?: { readonly count: number; readonly random: Random }
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
/** How long proxies may take to serve again after something went wrong. */
const QUIET_PATIENCE_MS = 15_000
/** What a proxy says that ends because it has found another one's mark. */
const CEDED = /another proxy has taken over the ring/

/** The data that `restore` knows by this name was kept before anything went wrong. */
export const THE_BEGINNING = 'the beginning'

/** Where the relay before the port of a proxy's peers listens, at the same port as that: so the others are told. */
const PEERS_RELAY_HOST = '127.0.0.2'
const PEERS_PASSWORD = 'known to all proxies of the ring'
/** What fronts and their owner are as to which proxy was asked. */
const FRONTS_GROUP = 0

/** A proxy of a ring with fronts, the relay through which the others reach it when it is the owner. */
export interface Place {
  readonly proxy: ProxyProcess
  readonly relay: Relay
}

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
  /** Of a ring with fronts: all proxies, which are alike; `proxy` is one of them, and the owner when a fault was begun that needs to know. */
  readonly places: Place[] = []
  /** Another one that some of the clients use, while two run side by side. */
  second: ProxyProcess | undefined
  private readonly proxies = new Set<ProxyProcess>()
  /** Rejects when the proxy does not stay up, so that there is no sense in going on. */
  readonly hopeless: Promise<never>
  private giveUp!: (error: Error) => void
  private crashes = 0
  /** How often another proxy was started beside the one that serves, and how often one has found that and ended. */
  private challenges = 0
  ceded = 0
  /** What goes wrong now, and when all of it was over. */
  private disturbances = 0
  private quietSinceMs = 0
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
    const { fronts } = options
    this.proxy = await this.newProxy(fronts === undefined ? [] : ['--standby'])
    await this.proxy.start()
    for (let i = 0; i < (fronts?.count ?? 0); i++) {
      const front = await this.newProxy(['--standby'], false, this.proxy)
      await front.start()
    }
  }

  async stop(): Promise<void> {
    this.stopped = true
    await Promise.all([...this.proxies].map((proxy) => proxy.kill()))
    const nodes = [...this.members.values(), ...this.sentinels]
    await Promise.all(nodes.map(({ server }) => server.kill()))
    for (const { relay } of [...nodes, ...this.places]) relay.close()
    process.removeListener('exit', this.abandon)
  }

  /** The proxy that a client uses, by its number. */
  proxyOf(client: number): ProxyAddress {
    const { fronts } = this.options
    if (fronts !== undefined) return this.addressOf(fronts.random.pick(this.places).proxy)
    return client % 2 === 1 && this.second !== undefined ? this.second : this.proxy
  }

  /** The proxy for those who use always the same. */
  get address(): ProxyAddress {
    return this.options.fronts === undefined ? this.proxy : this.addressOf(this.proxy)
  }

  /** A proxy of a ring with fronts, to a client: what becomes of its connection is the business of others as well. */
  addressOf({ port }: ProxyProcess): ProxyAddress {
    const unharmedSince = (ms: number) => {
      const isQuiet = this.disturbances === 0 && ms > this.quietSinceMs
      return isQuiet && this.places.every(({ proxy }) => proxy.unharmedSince(ms))
    }
    return { port, group: FRONTS_GROUP, unharmedSince }
  }

  /**
   * Something goes wrong; the function that it gives is to be called when it is over. Of a ring with fronts none can be blamed for
   * connections that end until all of them serve again: who had no owner closes clients that it has answered itself.
   */
  disturb(): () => Promise<void> {
    this.disturbances++
    return async () => {
      for (const deadlineMs = nowMs() + QUIET_PATIENCE_MS; nowMs() < deadlineMs; await sleep(100))
        if ((await notServing(this)).length === 0) break
      this.disturbances--
      this.quietSinceMs = nowMs()
    }
  }

  /** Of a ring with fronts: from now on `proxy` is the one that owns it, as far as one can be found. */
  async findOwner(): Promise<void> {
    const owner = await ownerOf(this.places.map(({ proxy }) => proxy))
    if (owner !== undefined) this.proxy = owner
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
    const peersPort = this.options.fronts === undefined ? undefined : (await freePorts(1))[0]
    writeFileSync(configFile, JSON.stringify(this.proxySettings(port, stateFile, peersPort)))
    const hook = `${CLOCK_HOOK}?${encodeURIComponent(pathToFileURL(this.clockFile).href)}`
    const logFile = join(dir, `proxy-${port}.log`)
    writeFileSync(logFile, '')
    if (mayEnd) this.challenges++
    const group = peersPort === undefined ? undefined : FRONTS_GROUP
    const proxy = new ProxyProcess(
      {
        port,
        group,
        stateFile,
        configFile,
        logFile,
        cwd: dir,
        args,
        nodeArgs: [...nodeArgs, '--import', hook],
        asModules: nodeArgs.length > 0,
        program,
      },
      (proxy, how) => {
        if (mayEnd && proxy !== this.proxy) return
        // The other one may have left its mark on some member before it ended, which is found at any time after.
        const hasCeded = CEDED.test(how) && (this.ceded < this.challenges || this.options.fronts !== undefined)
        if (hasCeded) this.ceded++
        else this.options.onCrash('the proxy', how)
        // Of fronts each may go on whenever the owner does not come to its members.
        const isCrash = !hasCeded || this.options.fronts === undefined
        void this.startAgain(proxy, isCrash)
      },
    )
    this.proxies.add(proxy)
    if (peersPort !== undefined) {
      this.places.push({ proxy, relay: await Relay.start(peersPort, peersPort, PEERS_RELAY_HOST) })
    }
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
  private async startAgain(proxy: ProxyProcess, isCrash: boolean): Promise<void> {
    await sleep(RESTART_MS)
    // As long as there is another one the fault sees to both.
    const isKept = proxy === this.proxy || this.places.some((place) => place.proxy === proxy)
    if (!isKept || this.second !== undefined || proxy.pid !== undefined || this.stopped) return
    if (isCrash && ++this.crashes >= CRASHES_MAX) {
      this.giveUp(new Error(`the proxy ended ${CRASHES_MAX} times`))
      return
    }
    await proxy.start().catch((error: Error) => {
      // A fault may take one of several away while it starts, and starts it again.
      if (this.places.length === 0 || error instanceof NotServingError) this.giveUp(error)
    })
  }

  private proxySettings(port: number, ownFile: string, peersPort: number | undefined): object {
    const { replicas, stateFile = false, program } = this.options
    // Another build may be one that has none unless it is told of one.
    const none = program === undefined ? { stateFile: 'none' } : {}
    const file = stateFile ? { stateFile: ownFile } : none
    const peers = { port: peersPort, announceHost: PEERS_RELAY_HOST, password: PEERS_PASSWORD }
    return {
      listen: { port },
      ring: { id: 'chaos', replicas, ...file },
      sentinel: { addresses: this.sentinels.map(({ relay }) => `127.0.0.1:${relay.port}`), masterPattern: 'dt-*' },
      limits: { unavailableTimeoutMs: UNAVAILABLE_TIMEOUT_MS },
      ...(peersPort !== undefined && { peers }),
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
    for (const pid of [...pids, ...[...this.proxies].map((proxy) => proxy.pid)]) {
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL')
      } catch {
        // It is gone already.
      }
    }
  }
}
