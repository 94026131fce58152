import { join } from 'node:path'
import { firstAddress } from './base/bind-addresses.js'
import { createLogger, type Logger } from './base/log.js'
import { UserError } from './base/user-error.js'
import { version } from './base/version.js'
import { type Config, loadConfig } from './config/config.js'
import { LocalRing, sentinelBase } from './local/local-ring.js'
import { isFree } from './local/ports.js'
import { readShape, type Shape, writeShape } from './local/ring-shape.js'
import { createProxy } from './proxy.js'
import type { StartOptions } from './service.js'

const sentinelCount = 3

export interface UpOptions extends StartOptions {
  dir: string
  basePort: number
  fresh: boolean
  /** Absent: what the settings or the ring in `dir` say. */
  port?: number
  nodes?: number
  replicas?: number
}

/** `dt up`: a ring of real servers on this machine and the proxy before it, started and stopped as one thing. */
export class Up {
  private readonly shape: Shape
  private readonly config: Config
  private readonly log: Logger
  private readonly ring: LocalRing
  private readonly proxy: ReturnType<typeof createProxy>
  private failed = false

  /** `out` gets the banner. Throws `UserError` for options that cannot be. */
  constructor(
    private readonly options: UpOptions,
    private readonly out: NodeJS.WriteStream,
  ) {
    const { dir, basePort, fresh } = options
    this.shape = settleShape(options)
    this.config = loadConfig({
      overrides: {
        listen: options.port === undefined ? {} : { port: options.port },
        ring: { replicas: this.shape.replicas, stateFile: stateFile(dir) },
        sentinel: {
          addresses: Array.from({ length: sentinelCount }, (_, i) => `127.0.0.1:${sentinelBase(basePort) + 1 + i}`),
          masterPattern: 'dt-*',
        },
      },
    })
    this.log = createLogger(this.config.log)
    this.ring = new LocalRing({
      dir,
      basePort,
      fresh,
      notes: [stateFile(dir), ringFile(dir)],
      nodes: this.shape.nodes,
      sentinels: sentinelCount,
      log: this.log,
    })
    this.proxy = createProxy(this.config, this.log, options)
  }

  /** Resolves with the reason when the proxy must not go on. */
  get ended(): Promise<Error> {
    return this.proxy.ended
  }

  fail(failure: Error): void {
    this.proxy.fail(failure)
  }

  async start(): Promise<void> {
    try {
      await this.startAll()
    } catch (error) {
      this.failed = true
      throw error
    }
  }

  /** The proxy first, so that its clients' last writes find the servers alive. */
  async stop(): Promise<void> {
    await this.proxy.stop()
    await this.ring.stop()
    // After a start that failed the error stands alone: these words would seem to be about a ring that runs already.
    if (!this.failed)
      this.log.info({ event: 'up-stopped' }, 'the proxy, the Sentinels and the Redis servers have stopped')
  }

  private async startAll(): Promise<void> {
    await this.checkPort()
    this.log.info(
      { event: 'up-starting' },
      `starting ${this.shape.nodes} Redis servers and ${sentinelCount} Sentinels in ${this.options.dir}`,
    )
    await this.ring.start()
    writeShape(ringFile(this.options.dir), this.shape)
    const address = await this.proxy.start()
    this.out.write(this.banner(address))
  }

  /** Before anything is started, because a ring that is running already shows itself here. */
  private async checkPort(): Promise<void> {
    const { host, port } = firstAddress(this.config.listen)
    const { basePort } = this.options
    const inRange = (start: number, count: number) => port > start && port <= start + count
    if (inRange(basePort, this.shape.nodes) || inRange(sentinelBase(basePort), sentinelCount)) {
      throw new UserError(`port ${port} cannot be the proxy's and a server's at once: choose another --base-port`)
    }
    if (port === 0 || (await isFree(port, host))) return
    throw new UserError(`port ${port} of ${host} is taken (is dt running already?); --port chooses another`)
  }

  private banner(address: { host: string; port: number }): string {
    const bold = (text: string) => (this.out.isTTY && this.out.hasColors() ? `\x1b[1m${text}\x1b[22m` : text)
    const { nodes, replicas } = this.shape
    const copies = Math.min(nodes, replicas + 1)
    const few = copies <= replicas ? `; ${replicas} backups need ${replicas + 1} members` : ''
    const ports = (servers: readonly { port: number }[]) => servers.map(({ port }) => port).join(', ')
    const members = this.ring.members.map(({ name, port }) => `${name} on ${port}`).join(', ')
    const cli = `redis-cli -p ${address.port} set hello world`
    return `
${bold(`Diminished Triad ${version}`)}

  address    ${address.host}:${address.port}
  members    ${members}
  copies     ${copies} of every key (its master and ${copies - 1} backup${copies === 2 ? '' : 's'}${few})
  sentinels  on ${ports(this.ring.sentinels)}
  data       ${this.options.dir}

  try:       ${bold(cli)}
  stop:      Ctrl-C

`
  }
}

function stateFile(dir: string): string {
  return join(dir, 'state.json')
}

function ringFile(dir: string): string {
  return join(dir, 'ring.json')
}

/** The shape asked for, else the one of the ring in `dir`, else the settings'. */
function settleShape(options: UpOptions): Shape {
  const { ring } = loadConfig()
  const kept = options.fresh ? undefined : readShape(ringFile(options.dir))
  const shape = {
    nodes: options.nodes ?? kept?.nodes ?? 4,
    replicas: options.replicas ?? kept?.replicas ?? ring.replicas,
    virtualNodes: ring.virtualNodes,
  }
  if (kept === undefined || JSON.stringify(kept) === JSON.stringify(shape)) return shape
  const { nodes, replicas, virtualNodes } = kept
  throw new UserError(
    `${options.dir} holds a ring of ${nodes} members, ${replicas} backups of each key and ${virtualNodes} ` +
      `virtual nodes, so its keys would not be found in another one: use --nodes ${nodes} --replicas ${replicas}, ` +
      'or begin anew with --fresh',
  )
}
