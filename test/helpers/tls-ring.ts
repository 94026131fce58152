import { join } from 'node:path'
import { type ConfigInput, loadConfig } from '../../src/config/config.js'
import { LocalServer } from '../../src/local/local-server.js'
import { freePorts } from '../../src/local/ports.js'
import { memberConfig, sentinelConfig } from '../../src/local/server-config.js'
import { createProxy } from '../../src/proxy.js'
import type { RingProxy } from '../../src/service.js'
import type { Issued } from './authority.js'
import { LogLines } from './log-lines.js'
import type { Teardown } from './proxy.js'
import { MEMBER_CONFIG } from './ring.js'
import { PATIENT_MS } from './sentinels.js'
import { TestCertificates } from './tls-door.js'

/**
 * Real redis-servers and a real Sentinel that speak TLS with each other and with the proxy, and want certificates of
 * everybody. Their plain ports are for the test, which starts and stops them; nobody else knows these.
 */
export class TlsRing {
  readonly certificates: TestCertificates
  members: readonly LocalServer[] = []
  /** Where the members speak TLS, by their names. */
  readonly tlsPorts = new Map<string, number>()
  private sentinel!: LocalServer
  private sentinelPort = 0

  private constructor(private readonly t: Teardown) {
    this.certificates = new TestCertificates(t)
  }

  static async start(t: Teardown, nodes = 2): Promise<TlsRing> {
    const ring = new TlsRing(t)
    await ring.startAll(nodes)
    return ring
  }

  /** A proxy of this ring that trusts the authority and shows its certificate, but for what `config` says otherwise. */
  proxy(config: ConfigInput = {}): { proxy: RingProxy; lines: LogLines } {
    const { authority, client, dir } = this.certificates
    const lines = new LogLines()
    const tls = { tls: 'yes' as const, tlsCaFile: authority.cert, tlsCertFile: client.cert, tlsKeyFile: client.key }
    const overrides: ConfigInput = {
      ...config,
      listen: { port: 0, ...config.listen },
      ring: { replicas: 1, stateFile: join(dir, 'state.json'), ...config.ring },
      backend: { ...tls, ...config.backend },
      sentinel: { ...tls, addresses: [`127.0.0.1:${this.sentinelPort}`], ...config.sentinel },
    }
    const proxy = createProxy(loadConfig({ env: {}, overrides }), lines.log)
    this.t.teardown(() => proxy.stop())
    return { proxy, lines }
  }

  /** Gives a member another certificate, as an operator does. */
  async certify(name: string, { cert, key }: Issued): Promise<void> {
    const { port } = this.members.find((member) => member.name === name)!
    const { RawClient } = await import('./raw-client.js')
    const client = await RawClient.connect(port)
    const reply = String(await client.ask('CONFIG', 'SET', 'tls-cert-file', cert, 'tls-key-file', key))
    client.close()
    if (reply !== '+OK\r\n') throw new Error(reply)
  }

  private async startAll(nodes: number): Promise<void> {
    const { authority, own, dir } = this.certificates
    const ports = await freePorts(2 * (nodes + 1))
    const files = [`tls-cert-file ${own.cert}`, `tls-key-file ${own.key}`, `tls-ca-cert-file ${authority.cert}`]
    const server = (name: string, role: 'member' | 'sentinel', i: number) =>
      new LocalServer(name, ports[2 * i], join(dir, name), role, () => {})
    this.members = Array.from({ length: nodes }, (_, i) => server(`dt-${i + 1}`, 'member', i + 1))
    this.sentinel = server('sentinel-1', 'sentinel', 0)
    this.sentinelPort = ports[1]
    const all = [...this.members, this.sentinel]
    this.t.teardown(() => Promise.all(all.map((each) => each.kill())))
    const known = this.members.map(({ name, host }, i) => {
      this.tlsPorts.set(name, ports[2 * i + 3])
      return { name, host, port: ports[2 * i + 3] }
    })
    for (const [i, member] of this.members.entries()) {
      member.configure(
        memberConfig(member, [...MEMBER_CONFIG, `tls-port ${known[i].port}`, 'tls-replication yes', ...files]),
      )
    }
    const settings = { members: known, sentinels: [this.sentinel], quorum: 1, downAfterMs: PATIENT_MS }
    const more = [`tls-port ${this.sentinelPort}`, 'tls-replication yes', ...files]
    this.sentinel.configure([...more, sentinelConfig(this.sentinel, settings)].join('\n'))
    await Promise.all(all.map((each) => each.start()))
  }
}
