import { z } from 'zod'
import { isEvery, isNoAddress, overlap } from '../base/bind-addresses.js'
import { headerBeforeTls, subnets } from './subnets.js'
import {
  addresses,
  bytes,
  commandNames,
  day,
  fraction,
  gigabyte,
  hosts,
  keyGroups,
  kilobyte,
  megabyte,
  milliseconds,
  oneOf,
  pairs,
  permissions,
  protocols,
  text,
  userLines,
  version,
  whole,
} from './values.js'

/*
 * Every setting: its section, name, check and default, in one table. conf/dt.yaml explains each of them to its reader.
 *
 * A setting has two forms, what YAML gives (`65536`, a list) and the text of an environment variable (`64kb`,
 * `a:1,b:2`); every check takes both, so that `DT_RING_REPLICAS=2` and `replicas: 2` are the same setting.
 */

/** Settings whose value is never shown in an error message. */
export const secretNames: ReadonlySet<string> = new Set(['password', 'keyPassword', 'tlsKeyPassword', 'token', 'users'])

/** A password that nobody types, and that may be guessed by who hears a proof of it. */
const PEER_PASSWORD_BYTES_MIN = 16

const certificateWithKey = pairs('tlsCertFile', 'tlsKeyFile')

/** How the connections to servers, to Sentinels, or between proxies, are encrypted, see conf/dt.yaml. */
const tlsBetween = {
  tls: oneOf(['no', 'yes']).default('no'),
  tlsVerify: oneOf(['yes', 'no']).default('yes'),
  tlsServerName: text().optional(),
  tlsCaFile: text().optional(),
  tlsCertFile: text().optional(),
  tlsKeyFile: text().optional(),
  tlsKeyPassword: text().optional(),
  tlsKeyPasswordFile: text().optional(),
}

export const sections = {
  /**
   * Where clients connect. Port 0 takes a free one, unless there is a port for TLS: then it is none. `host` is a line as that
   * of `bind` in redis.conf.
   */
  listen: z.strictObject({
    host: hosts().default('127.0.0.1'),
    port: whole(0, 65535).default(6380),
    backlog: whole(1, 65535).default(511),
    keepAliveSeconds: whole(0, 32_767).default(300),
    unixSocket: text().optional(),
    unixSocketPerm: permissions().default('0'),
    protectedMode: oneOf(['yes', 'no']).default('yes'),
    proxyProtocol: oneOf(['no', 'yes']).default('no'),
    proxyTrusted: subnets().prefault('127.0.0.1 ::1'),
    announceHost: text().optional(),
    announcePort: whole(1, 65535).optional(),
  }),
  /** Where clients connect that want TLS, and how. Port 0 is none. */
  tls: z
    .strictObject({
      port: whole(0, 65535).default(0),
      certFile: text().optional(),
      keyFile: text().optional(),
      keyPassword: text().optional(),
      keyPasswordFile: text().optional(),
      caFile: text().optional(),
      authClients: oneOf(['yes', 'optional', 'no']).default('yes'),
      authClientsUser: oneOf(['off', 'CN']).default('off'),
      protocols: protocols().prefault('TLSv1.2 TLSv1.3'),
      ciphers: text().optional(),
      ciphersuites: text().optional(),
      preferServerCiphers: oneOf(['no', 'yes']).default('no'),
      sessionCaching: oneOf(['yes', 'no']).default('yes'),
      sessionCacheTimeoutMs: milliseconds(1000, day).default(300_000),
      handshakeTimeoutMs: milliseconds(100, 600_000).default(10_000),
    })
    .superRefine(pairs('certFile', 'keyFile'))
    .refine((tls) => tls.port === 0 || tls.certFile !== undefined, {
      path: ['certFile'],
      error: 'must be given with tls.port',
    })
    .refine((tls) => tls.port === 0 || tls.authClients === 'no' || tls.caFile !== undefined, {
      path: ['caFile'],
      error: 'must be given, to verify the certificates of clients (tls.authClients: no asks them for none)',
    }),
  /** The ring. `id` is in the names of our connections, so that two rings can share servers' tools without confusion. */
  ring: z.strictObject({
    id: z
      .string({ error: ringIdRule() })
      .regex(/^[A-Za-z0-9_-]{1,40}$/, { error: ringIdRule() })
      .default('dt'),
    replicas: whole(0, 15).default(2),
    virtualNodes: whole(1, 1024).default(64),
    keyGroups: keyGroups().default([]),
    stateFile: text().default('./dt-state.json'),
    withoutMajority: oneOf(['refuse', 'serve']).default('refuse'),
  }),
  /** The Sentinels that know the members: the masters whose names match `masterPattern`. */
  sentinel: z
    .strictObject({
      addresses: addresses().default([{ host: '127.0.0.1', port: 26379 }]),
      username: text().optional(),
      password: text().optional(),
      passwordFile: text().optional(),
      masterPattern: text().default('dt-*'),
      pollMs: milliseconds(100, 60_000).default(1000),
      ...tlsBetween,
    })
    .superRefine(certificateWithKey),
  /** The links to the members. */
  backend: z
    .strictObject({
      username: text().optional(),
      password: text().optional(),
      passwordFile: text().optional(),
      connectTimeoutMs: milliseconds(10).default(5000),
      reconnectMinMs: milliseconds(1).default(50),
      reconnectMaxMs: milliseconds(1).default(1000),
      pingIntervalMs: milliseconds(100).default(1000),
      ...tlsBetween,
    })
    .superRefine(certificateWithKey)
    .refine((backend) => backend.reconnectMinMs <= backend.reconnectMaxMs, {
      path: ['reconnectMaxMs'],
      error: 'must not be less than backend.reconnectMinMs',
    }),
  /**
   * Where the other proxies of the ring reach this one when it owns the ring: with it one that stands by accepts clients. Port 0 takes a
   * free one.
   */
  peers: z
    .strictObject({
      host: text()
        .refine((host) => !isNoAddress(host), 'must be an address, such as 10.0.0.1')
        .default('127.0.0.1'),
      port: whole(0, 65535).optional(),
      announceHost: text().optional(),
      password: text().optional(),
      passwordFile: text().optional(),
      ...tlsBetween,
    })
    .superRefine(certificateWithKey)
    .refine(({ tls, tlsCertFile }) => tls === 'no' || tlsCertFile !== undefined, {
      path: ['tlsCertFile'],
      error: 'must be given with peers.tls: each proxy shows the others who it is',
    })
    .refine(({ tls, tlsVerify, tlsCaFile }) => tls === 'no' || tlsVerify === 'no' || tlsCaFile !== undefined, {
      path: ['tlsCaFile'],
      error:
        'must be given with peers.tls, to verify the certificates of other proxies (peers.tlsVerify: no verifies none)',
    })
    .refine(
      ({ port, password }) => port === undefined || Buffer.byteLength(password ?? '') >= PEER_PASSWORD_BYTES_MIN,
      {
        path: ['password'],
        error: `must be given with peers.port, and have at least ${PEER_PASSWORD_BYTES_MIN} bytes: who knows it may do everything`,
      },
    )
    .refine(({ host, port, announceHost }) => port === undefined || !isEvery(host) || announceHost !== undefined, {
      path: ['announceHost'],
      error: 'must be given where peers.host means every address: others are told where to connect',
    }),
  /** What clients must say. Without a password they need none. */
  auth: z.strictObject({
    password: text().optional(),
    passwordFile: text().optional(),
  }),
  /** Who may do what, see conf/dt.yaml. */
  acl: z.strictObject({
    users: userLines().default([]),
    file: text().optional(),
    logMax: whole(0, 1_000_000).default(128),
    pubsubDefault: oneOf(['resetchannels', 'allchannels']).default('resetchannels'),
  }),
  /** What one client, or all of them, may take. */
  limits: z
    .strictObject({
      maxClients: whole(1, 1_000_000).default(10_000),
      queryBufferBytes: bytes(megabyte, 64 * gigabyte).default(gigabyte),
      outputBufferHardBytes: bytes(0, 64 * gigabyte).default(gigabyte),
      outputBufferSoftBytes: bytes(0, 64 * gigabyte).default(0),
      outputBufferSoftMs: milliseconds(0, day).default(0),
      outputBufferPauseBytes: bytes(16 * kilobyte, gigabyte).default(megabyte),
      pushBufferHardBytes: bytes(0, 64 * gigabyte).default(32 * megabyte),
      pushBufferSoftBytes: bytes(0, 64 * gigabyte).default(8 * megabyte),
      pushBufferSoftMs: milliseconds(0, day).default(60_000),
      outstandingCommands: whole(1, 1_000_000).default(4096),
      idleTimeoutMs: milliseconds(0, 365 * day).default(0),
      loginTimeoutMs: milliseconds(0).default(60_000),
      drainTimeoutMs: milliseconds(0).default(10_000),
      commandTimeoutMs: milliseconds(0).default(60_000),
      clientMemoryBytes: bytes(0, 1024 * gigabyte).default(0),
      maxClientsPerAddress: whole(0, 1_000_000).default(0),
      maxBulkBytes: bytes(1, 512 * megabyte).default(512 * megabyte),
      unavailableTimeoutMs: milliseconds(0).default(10_000),
      gatherBytes: bytes(0, gigabyte).default(32 * megabyte),
      gatherMs: milliseconds(1).default(5000),
      scriptMs: milliseconds(1).default(60_000),
      scriptEffectsBytes: bytes(0, gigabyte).default(megabyte),
      trackedKeys: whole(1, 100_000_000).default(1_000_000),
      loadedScriptsBytes: bytes(0, 64 * gigabyte).default(64 * megabyte),
    })
    .refine(({ outputBufferPauseBytes: pause, outputBufferHardBytes: hard }) => hard === 0 || pause <= hard, {
      path: ['outputBufferPauseBytes'],
      error: 'must not be more than limits.outputBufferHardBytes',
    }),
  /** What is served of modules, and of commands on keys of several servers, and as which Redis, see conf/dt.yaml. */
  commands: z.strictObject({
    crossServer: oneOf(['gather', 'refuse']).default('gather'),
    debug: oneOf(['no', 'local', 'yes']).default('no'),
    moduleWrites: commandNames().default([]),
    version: version().optional(),
  }),
  /** How data moves between members: 0 bytes a second is no limit; and for how long a value may block a server. */
  migration: z.strictObject({
    maxBytesPerSecond: bytes(0, 64 * gigabyte).default(0),
    maxBlockMs: milliseconds(1, 60_000).default(50),
  }),
  /** How often all copies are compared without anybody asking, and how fast. 0 ms is never, 0 bytes a second no limit. */
  verify: z.strictObject({
    intervalMs: milliseconds(0, 365 * day).default(0),
    maxBytesPerSecond: bytes(0, 64 * gigabyte).default(4 * megabyte),
  }),
  /** HTTP for monitoring: not without a port, and port 0 takes a free one. */
  admin: z
    .strictObject({
      host: text()
        .refine((host) => !isNoAddress(host), 'must be an address, such as 127.0.0.1')
        .default('127.0.0.1'),
      port: whole(0, 65535).optional(),
      token: text().optional(),
      tlsCertFile: text().optional(),
      tlsKeyFile: text().optional(),
    })
    .superRefine(pairs('tlsCertFile', 'tlsKeyFile')),
  /** Which part of all commands is traced, if an SDK of OpenTelemetry is loaded. */
  traces: z.strictObject({
    sampleRatio: fraction().default(0.01),
  }),
  log: z.strictObject({
    level: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    format: oneOf(['auto', 'pretty', 'json']).default('auto'),
  }),
}

export const schema = z
  .strictObject({
    listen: sections.listen.prefault({}),
    tls: sections.tls.prefault({}),
    ring: sections.ring.prefault({}),
    sentinel: sections.sentinel.prefault({}),
    backend: sections.backend.prefault({}),
    peers: sections.peers.prefault({}),
    auth: sections.auth.prefault({}),
    acl: sections.acl.prefault({}),
    limits: sections.limits.prefault({}),
    commands: sections.commands.prefault({}),
    migration: sections.migration.prefault({}),
    verify: sections.verify.prefault({}),
    admin: sections.admin.prefault({}),
    traces: sections.traces.prefault({}),
    log: sections.log.prefault({}),
  })
  .refine(({ listen, tls }) => tls.port === 0 || tls.port !== listen.port, {
    path: ['tls', 'port'],
    error: 'must be another one than listen.port; with listen.port 0 clients without TLS have none',
  })
  .refine(({ listen, admin }) => !admin.port || admin.port !== listen.port || !overlap(listen.host, admin.host), {
    path: ['admin', 'port'],
    error: 'must be another one than listen.port, which is on the same address',
  })
  .refine(({ listen, tls, admin }) => !admin.port || admin.port !== tls.port || !overlap(listen.host, admin.host), {
    path: ['admin', 'port'],
    error: 'must be another one than tls.port, which is on the same address',
  })
  .refine(({ listen, tls }) => tls.port === 0 || listen.proxyProtocol === 'no', headerBeforeTls)

function ringIdRule(): string {
  return 'must be 1 to 40 letters, digits, - or _'
}

/** All settings as `[section, name]`, in the order of the table. */
export function settingNames(): [section: string, name: string][] {
  return Object.entries(sections).flatMap(([section, { shape }]) =>
    Object.keys(shape).map((name): [string, string] => [section, name]),
  )
}

/** `DT_SENTINEL_MASTER_PATTERN` for `sentinel`, `masterPattern`. */
export function environmentName(section: string, name: string): string {
  return `DT_${section}_${name.replace(/[A-Z]/g, '_$&')}`.toUpperCase()
}
