import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { type ConfigInput, loadConfig } from '../../src/config/config.js'
import { freePorts } from '../../src/local/ports.js'
import { createProxy } from '../../src/proxy.js'
import type { RingProxy } from '../../src/service.js'
import { Authority, type Issued } from './authority.js'
import { LogLines } from './log-lines.js'
import type { Teardown } from './proxy.js'
import { RawClient } from './raw-client.js'
import { temporaryDirectory } from './temporary-directory.js'
import { until } from './until.js'

/** An authority, a certificate for the proxy and one for a client. */
export class TestCertificates {
  readonly dir: string
  readonly authority: Authority
  readonly own: Issued
  readonly client: Issued

  constructor(t: Teardown) {
    this.dir = temporaryDirectory(t)
    this.authority = new Authority(this.dir)
    this.own = this.authority.issue('the proxy')
    this.client = this.authority.issue('the application')
  }

  /** Settings of a proxy with these certificates. */
  settings(port: number): ConfigInput['tls'] & object {
    return { port, certFile: this.own.cert, keyFile: this.own.key, caFile: this.authority.cert }
  }

  /** How a client with this certificate connects, that trusts the authority. */
  options(issued: Issued | undefined = this.client): ConnectionOptions {
    return { ca: readFileSync(this.authority.cert), ...(issued === undefined ? {} : shown(issued)) }
  }
}

/** What a client needs to show a certificate. */
export function shown({ cert, key }: Issued): { readonly cert: Buffer; readonly key: Buffer } {
  return { cert: readFileSync(cert), key: readFileSync(key) }
}

/** A proxy that has no ring, which answers what it can by itself: enough for whoever asks how it receives clients. */
export class TlsDoor {
  readonly lines = new LogLines()
  readonly proxy: RingProxy
  private readonly clients: RawClient[] = []

  private constructor(
    readonly certificates: TestCertificates,
    readonly port: number,
    config: ConfigInput,
  ) {
    this.proxy = createProxy(loadConfig({ env: {}, overrides: config }), this.lines.log)
  }

  /** `settings` are more of the section `tls`, `config` of the others. */
  static async open(
    t: Teardown,
    certificates: TestCertificates,
    settings: ConfigInput['tls'] = {},
    config: ConfigInput = {},
  ): Promise<TlsDoor> {
    const [port, nobody] = await freePorts(2)
    const door = new TlsDoor(certificates, port, {
      listen: { port: 0 },
      ring: { stateFile: 'none' },
      sentinel: { addresses: [`127.0.0.1:${nobody}`] },
      ...config,
      tls: { ...certificates.settings(port), ...settings },
    })
    t.teardown(async () => {
      for (const client of door.clients) client.close()
      await door.proxy.stop()
    })
    // It waits for a Sentinel until it is stopped.
    door.proxy.start().catch(() => {})
    await until('the port for TLS is open', () => door.lines.about(/accepted on .* with TLS/).length > 0)
    return door
  }

  async connect(options: ConnectionOptions = this.certificates.options(), proto: 2 | 3 = 2): Promise<RawClient> {
    const client = await RawClient.secure(this.port, options, proto)
    this.clients.push(client)
    return client
  }

  /** What becomes of a client: its first answer, or `closed`. */
  async meets(options: ConnectionOptions): Promise<string> {
    try {
      const client = await this.connect(options)
      return String(await client.ask('PING')).trim()
    } catch (error) {
      return `closed: ${(error as Error).message}`
    }
  }

  /** Why clients were refused, by what was logged. */
  get refusals(): string[] {
    return this.lines.about(/refused by TLS/).map(({ reason }) => String(reason))
  }
}
