import { timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import { UserError } from '../base/user-error.js'
import type { Server } from '../client/server.js'
import type { Config } from '../config/config.js'
import { metricsOf } from './metrics.js'
import { readinessOf } from './readiness.js'

/** Who does not say what he wants in this time is sent away. */
const REQUEST_TIMEOUT_MS = 5000
const CONNECTIONS_MAX = 100

/** What HTTP clients see, all of it read-only. */
interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

/**
 * The port for monitoring: /metrics for Prometheus, /readyz and /healthz for load balancers and orchestrators. It listens
 * when `admin.port` is set; with `admin.token` it wants that in `Authorization: Bearer …`, but for /healthz and /readyz.
 */
export class AdminServer {
  private readonly http = createServer((request, response) => void this.serve(request, response))
  private readonly metrics: Registry

  constructor(private readonly server: Server) {
    this.metrics = metricsOf(server)
    this.http.maxConnections = CONNECTIONS_MAX
    this.http.requestTimeout = REQUEST_TIMEOUT_MS
    this.http.headersTimeout = REQUEST_TIMEOUT_MS
    // What comes on a connection that is broken off, or speaks something else, is nobody's loss.
    this.http.on('clientError', (_error, socket) => socket.destroy())
  }

  /**
   * Gives where it listens; undefined without a port: then it does not.
   *
   * @throws UserError when the address cannot be listened on
   */
  async open({ host, port }: Config['admin']): Promise<{ host: string; port: number } | undefined> {
    if (port === undefined) return undefined
    try {
      this.http.listen({ host, port })
      await once(this.http, 'listening')
    } catch (failure) {
      throw new UserError(`admin.port ${port} of ${host} cannot be listened on: ${(failure as Error).message}`)
    }
    const { port: taken } = this.http.address() as AddressInfo
    this.server.log.info(`monitoring is served on http://${host.includes(':') ? `[${host}]` : host}:${taken}`)
    return { host, port: taken }
  }

  async close(): Promise<void> {
    if (!this.http.listening) return
    const closed = once(this.http, 'close')
    this.http.close()
    this.http.closeAllConnections()
    await closed
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { status, type, body } = await this.answer(request)
      response.writeHead(status, {
        ...{ 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' },
        ...(status === 401 && { 'www-authenticate': 'Bearer' }),
        ...(status === 405 && { allow: 'GET, HEAD' }),
      })
      response.end(request.method === 'HEAD' ? undefined : body)
    } catch (failure) {
      this.server.failed(failure as Error, { url: request.url })
      response.destroy()
    }
  }

  private async answer(request: IncomingMessage): Promise<Page> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET and HEAD are served')
    const [path] = (request.url ?? '/').split('?')
    if (path === '/healthz') return text(200, 'ok')
    if (path === '/readyz') return this.readyz(request)
    if (path !== '/metrics') return text(404, 'there are /metrics, /readyz and /healthz')
    if (!this.isAllowed(request)) return text(401, 'the token of admin.token is wanted, as Authorization: Bearer …')
    return { status: 200, type: this.metrics.contentType, body: await this.metrics.metrics() }
  }

  /** Why not, as text, or as JSON for whoever accepts that. */
  private readyz({ headers }: IncomingMessage): Page {
    const readiness = readinessOf(this.server)
    const { ready, why, warnings } = readiness
    const status = ready ? 200 : 503
    if (/\bapplication\/json\b/.test(headers.accept ?? '')) {
      return { status, type: 'application/json', body: `${JSON.stringify(readiness)}\n` }
    }
    return text(status, [ready ? 'ready' : `not ready: ${why}`, ...warnings].join('\n'))
  }

  private isAllowed({ headers }: IncomingMessage): boolean {
    const { token } = this.server.config.admin
    if (token === undefined) return true
    const given = Buffer.from(headers.authorization ?? '')
    const wanted = Buffer.from(`Bearer ${token}`)
    return given.length === wanted.length && timingSafeEqual(given, wanted)
  }
}

function text(status: number, body: string): Page {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` }
}
