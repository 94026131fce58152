import type { Logger } from '../base/log.js'
import type { Certificates, Reloaded } from './certificates.js'
import { type ClientTlsSettings, TlsForClients } from './for-clients.js'
import { type MonitoringTlsSettings, TlsForMonitoring } from './for-monitoring.js'
import { type PeersTlsSettings, TlsForPeers } from './for-peers.js'
import { TlsToServers, type ToServersSettings } from './to-servers.js'

export interface TlsSettings {
  readonly tls: ClientTlsSettings
  readonly backend: ToServersSettings
  readonly sentinel: ToServersSettings
  readonly peers: PeersTlsSettings
  readonly admin: MonitoringTlsSettings
}

/** All that this process has of TLS: undefined where it has none. */
export class Tls {
  readonly clients: TlsForClients | undefined
  readonly servers: TlsToServers | undefined
  readonly sentinels: TlsToServers | undefined
  readonly peers: TlsForPeers | undefined
  readonly monitoring: TlsForMonitoring | undefined
  private readonly all: readonly Certificates[]

  /** @throws UserError when files or ciphers cannot be used */
  constructor(
    { tls, backend, sentinel, peers, admin }: TlsSettings,
    private readonly log: Logger,
  ) {
    this.clients = tls.port === 0 ? undefined : new TlsForClients(tls, log)
    this.servers = backend.tls === 'no' ? undefined : new TlsToServers('backend', backend, log)
    this.sentinels = sentinel.tls === 'no' ? undefined : new TlsToServers('sentinel', sentinel, log)
    this.peers = peers.port === undefined || peers.tls === 'no' ? undefined : new TlsForPeers(peers, log)
    this.monitoring = admin.tlsCertFile === undefined ? undefined : new TlsForMonitoring(admin, log)
    const all = [this.clients, this.servers, this.sentinels, this.peers, this.monitoring]
    this.all = all.flatMap((each) => each?.certificates ?? [])
  }

  /** Reads all files again, and logs what came of each. */
  reload(): readonly Reloaded[] {
    const all = this.all.map((each) => each.reload())
    const changed = all.filter((each) => each.changed).length
    this.log.info(
      { event: 'certificates-read', certificates: all.length, changed },
      `certificates were read again: ${changed} of ${all.length} changed`,
    )
    return all
  }

  /** Reads them again whenever they change. */
  watch(): void {
    for (const each of this.all) each.watch()
  }

  stop(): void {
    for (const each of this.all) each.stop()
  }
}
