import { parseInfo } from '../backend/handshake.js'
import { ConnectionError, type Endpoint, SingleConnection } from '../backend/single-connection.js'
import { type Address, addressIn } from '../base/address-text.js'
import { printable } from '../base/printable.js'
import { UsageError, UserError } from '../base/user-error.js'
import { loadConfig } from '../config/config.js'
import { bytesOf, elementsOf, textOf } from '../resp/decode.js'
import { BooleanReply, DoubleReply, isError, MapReply, type Reply } from '../resp/encode.js'
import { asFields, asList, type Fields, type Json } from './answers.js'
import { TLS_OPTIONS, type TlsOptions, whereToAsk } from './proxy-tls.js'

const CONNECT_TIMEOUT_MS = 3000

/** Nobody is there, or not any more; a moment later somebody may be. */
export class NoProxyError extends UserError {}

/** Options of all commands that ask a running proxy. */
export const PROXY_OPTIONS = {
  proxy: { type: 'string' },
  config: { type: 'string' },
  json: { type: 'boolean' },
  ...TLS_OPTIONS,
} as const

/** Their values. */
export interface ProxyOptions extends TlsOptions {
  readonly proxy?: string | undefined
  readonly config?: string | undefined
  readonly json?: boolean | undefined
}

/** A connection of the command line to a running proxy. */
export class ProxyClient {
  private constructor(
    private readonly connection: SingleConnection,
    private readonly where: string,
  ) {}

  /** @throws UserError when no proxy answers there, or one that wants another password */
  static async connect(options: ProxyOptions): Promise<ProxyClient> {
    const endpoint = proxyEndpoint(options)
    try {
      const connection = await SingleConnection.open(endpoint, { connectMs: CONNECT_TIMEOUT_MS })
      return new ProxyClient(connection, `${endpoint.host}:${endpoint.port}`)
    } catch (error) {
      throw asUserError(error)
    }
  }

  /** What DT with these arguments answers; an error reply is thrown as a UserError. */
  async dt(...args: string[]): Promise<Json> {
    return plain(await this.ask('DT', ...args))
  }

  /**
   * The fields that DT with these arguments answers.
   *
   * @throws UserError also when one is not there that is needed
   */
  async fields(...args: string[]): Promise<Fields> {
    return asFields(await this.dt(...args), args, this.where)
  }

  /** The same of each in the list that it answers. */
  async list(...args: string[]): Promise<Fields[]> {
    return asList(await this.dt(...args), args, this.where)
  }

  /** Why nothing is served yet; undefined where keys are served. */
  async whyNotServing(): Promise<string | undefined> {
    const { serving, why } = await this.fields('VIEW')
    return serving === 1 ? undefined : String(why)
  }

  /** The fields of INFO with these sections, as a terminal may show them. */
  async info(...sections: string[]): Promise<Readonly<Record<string, string>>> {
    const fields = parseInfo(textOf(await this.ask('INFO', ...sections)) ?? '')
    return Object.fromEntries([...fields].map(([name, value]) => [name, printable(Buffer.from(value))]))
  }

  /** How long a PING takes, in ms. */
  async ping(): Promise<number> {
    const startedAtMs = performance.now()
    await this.ask('PING')
    return performance.now() - startedAtMs
  }

  private async ask(...args: string[]): Promise<Reply> {
    let reply: Reply
    try {
      reply = await this.connection.call(args)
    } catch (error) {
      throw asUserError(error)
    }
    if (!isError(reply)) return reply
    if (reply.message.startsWith("ERR unknown command 'DT'")) {
      throw new UserError(
        `what answers on ${this.where} is a Redis server and no proxy; --proxy HOST:PORT says where one is`,
      )
    }
    throw new UserError(reply.message.replace(/^ERR /, ''))
  }

  close(): void {
    this.connection.close()
  }
}

/** Runs `task` with a connection that is closed afterwards. */
export async function withProxy<T>(options: ProxyOptions, task: (client: ProxyClient) => Promise<T>): Promise<T> {
  const client = await ProxyClient.connect(options)
  try {
    return await task(client)
  } finally {
    client.close()
  }
}

/**
 * Where the proxy is that these options mean, and what it wants to hear.
 *
 * @throws UsageError, UserError
 */
export function proxyEndpoint(options: ProxyOptions): Endpoint {
  const config = loadConfig(options.config === undefined ? {} : { file: options.config })
  const address = whereToAsk(config, options, options.proxy === undefined ? undefined : addressOf(options.proxy))
  return { ...address, password: config.auth.password }
}

/** @throws UsageError when it is none */
export function addressOf(text: string): Address {
  const address = addressIn(text)
  if (address === undefined) throw new UsageError(`'${text}' is no host:port`)
  return address
}

function asUserError(error: unknown): unknown {
  if (!(error instanceof ConnectionError)) return error
  const [, where, code] = /^(\S+): (NOAUTH|WRONGPASS) /.exec(error.message) ?? []
  if (where === undefined) return new NoProxyError(`no proxy answers: ${error.message}`)
  const what = code === 'NOAUTH' ? 'a' : 'another'
  return new UserError(`${where} wants ${what} password: give it as DT_AUTH_PASSWORD, or with --config FILE`)
}

function plain(reply: Reply): Json {
  if (reply === null || typeof reply === 'number') return reply
  if (typeof reply === 'bigint') return Number(reply)
  if (reply instanceof DoubleReply) return Number(reply.text)
  if (reply instanceof BooleanReply) return reply.value
  if (reply instanceof MapReply) {
    return Object.fromEntries(reply.entries.map(([name, value]) => [printable(bytesOf(name)), plain(value)]))
  }
  return elementsOf(reply)?.map(plain) ?? printable(bytesOf(reply))
}
