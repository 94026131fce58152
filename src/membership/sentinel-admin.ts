import { addressText } from '../base/address-text.js'
import { UserError } from '../base/user-error.js'
import type { Config } from '../config/config.js'
import type { TlsTarget } from '../tls/to-servers.js'
import { SentinelConnection, SentinelRefusal } from './sentinel-connection.js'

const TIMEOUTS = { connectMs: 1000, answerMs: 3000 }
/** What a new master's monitoring takes over from one that is there; the quorum is told with MONITOR. */
const COPIED_SETTINGS = ['down-after-milliseconds', 'failover-timeout', 'parallel-syncs']

/** Which Sentinels have been told something, and why the others have not. */
export interface Told {
  readonly told: readonly string[]
  readonly failed: readonly { readonly sentinel: string; readonly reason: string }[]
}

/** A master as a Sentinel has it. */
export interface Monitored {
  readonly address: string
  readonly quorum: number
  readonly downAfterMs: number
}

type Address = { readonly host: string; readonly port: number }
type Ask = (...args: string[]) => Promise<unknown>

/**
 * Tells all configured Sentinels what they are to monitor: each of them has to be told by itself. One that cannot be
 * reached is left out, and said to be: what the reachable ones say counts [membership/decide].
 */
export class SentinelAdmin {
  constructor(
    private readonly sentinel: Config['sentinel'],
    /** How the Sentinels are to log in at the servers. */
    private readonly backend: Pick<Config['backend'], 'username' | 'password'>,
    private readonly tls: TlsTarget | undefined,
    /** Resolves when this process may still speak for the ring: never once another one does [design §9]. */
    private readonly mayLeave: () => Promise<void>,
    /** Told which Sentinels have forgotten a master. */
    private readonly forgotten: (name: string, sentinels: readonly string[]) => void,
  ) {}

  /**
   * Lets the Sentinels monitor a server, with the quorum and the settings that they have for the master `like`.
   *
   * @throws UserError when a Sentinel refuses, or none can be reached: then nothing has changed
   */
  async add(name: string, server: Address, like: string | undefined): Promise<Told> {
    const added: Address[] = []
    const results = await this.tellAll(this.sentinel.addresses, async (ask, sentinel) => {
      const settings = like === undefined ? undefined : fieldsOf(await ask('SENTINEL', 'MASTER', like).catch(() => []))
      if (await this.monitor(ask, name, server, settings?.get('quorum'))) added.push(sentinel)
      for (const option of COPIED_SETTINGS) {
        const value = settings?.get(option)
        if (value !== undefined) await ask('SENTINEL', 'SET', name, option, value)
      }
      const { username, password } = this.backend
      if (password !== undefined) await ask('SENTINEL', 'SET', name, 'auth-pass', password)
      if (username !== undefined) await ask('SENTINEL', 'SET', name, 'auth-user', username)
    })
    const refusal = results.find(({ error }) => isRefusal(error))
    if (refusal === undefined) return toldIn(results)
    await this.tellAll(added, (ask) => forget(ask, name))
    throw new UserError(`Sentinel ${refusal.sentinel} refuses ${name}: ${refusal.error?.message.replace(/^ERR /, '')}`)
  }

  /**
   * Lets the Sentinels forget a master; one that does not know it has done so already.
   *
   * @throws UserError when none can be reached
   */
  async remove(name: string): Promise<Told> {
    const told = toldIn(await this.tellAll(this.sentinel.addresses, (ask) => forget(ask, name)))
    this.forgotten(name, told.told)
    return told
  }

  /** Which masters each Sentinel that answers monitors, where, and with which quorum. */
  async monitored(): Promise<ReadonlyMap<string, ReadonlyMap<string, Monitored>>> {
    const told = new Map<string, ReadonlyMap<string, Monitored>>()
    await this.tellAll(this.sentinel.addresses, async (ask, sentinel) => {
      const masters = elementsOf(await ask('SENTINEL', 'MASTERS')).map(fieldsOf)
      const monitored = masters.map((fields) => {
        const of = (field: string) => fields.get(field) ?? ''
        const address = addressText({ host: of('ip'), port: Number(of('port')) })
        const downAfterMs = Number(of('down-after-milliseconds'))
        return [of('name'), { address, quorum: Number(of('quorum')), downAfterMs }] as const
      })
      told.set(addressText(sentinel), new Map(monitored))
    })
    return told
  }

  /** False if the Sentinel monitors it already. */
  private async monitor(ask: Ask, name: string, server: Address, quorum: string | undefined): Promise<boolean> {
    const majority = String(Math.floor(this.sentinel.addresses.length / 2) + 1)
    const known = fieldsOf(await ask('SENTINEL', 'MASTER', name).catch(() => []))
    if (known.get('ip') === server.host && known.get('port') === String(server.port)) return false
    await ask('SENTINEL', 'MONITOR', name, server.host, String(server.port), quorum ?? majority)
    return true
  }

  private tellAll(
    sentinels: readonly Address[],
    tell: (ask: Ask, sentinel: Address) => Promise<void>,
  ): Promise<Result[]> {
    return Promise.all(
      sentinels.map(async (address) => {
        const sentinel = addressText(address)
        try {
          await this.ask(address, (ask) => tell(ask, address))
          return { sentinel }
        } catch (error) {
          return { sentinel, error: error as Error }
        }
      }),
    )
  }

  private async ask({ host, port }: Address, tell: (ask: Ask) => Promise<void>): Promise<void> {
    const { username, password } = this.sentinel
    const connection = await SentinelConnection.open({ host, port, username, password, tls: this.tls }, TIMEOUTS)
    try {
      await tell(async (...args) => {
        await this.mayLeave()
        return connection.ask(...args)
      })
    } finally {
      connection.close()
    }
  }
}

interface Result {
  readonly sentinel: string
  readonly error?: Error
}

async function forget(ask: Ask, name: string): Promise<void> {
  await ask('SENTINEL', 'REMOVE', name).catch((error: Error) => {
    if (!/^ERR No such master/.test(error.message)) throw error
  })
}

/** @throws UserError when all failed */
function toldIn(results: readonly Result[]): Told {
  const failed = results.flatMap(({ sentinel, error }) =>
    error === undefined ? [] : [{ sentinel, reason: error.message }],
  )
  const told = results.flatMap(({ sentinel, error }) => (error === undefined ? [sentinel] : []))
  if (told.length > 0) return { told, failed }
  throw new UserError(`no Sentinel can be told: ${failed.map((each) => `${each.sentinel}: ${each.reason}`).join(', ')}`)
}

/** A Sentinel's word, and not a connection that failed. */
function isRefusal(error: Error | undefined): boolean {
  return error instanceof SentinelRefusal
}

function elementsOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? reply : []
}

/** The fields of a flat reply of names and values. */
function fieldsOf(reply: unknown): ReadonlyMap<string, string> {
  const flat = Array.isArray(reply) ? reply.map(String) : []
  return new Map(Array.from({ length: Math.floor(flat.length / 2) }, (_, i) => [flat[2 * i], flat[2 * i + 1]]))
}
