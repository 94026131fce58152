import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, readFileSync } from 'node:fs'
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { packageRoot } from '../base/package-root.js'
import type { PassedSocket } from '../base/passed-sockets.js'
import { UserError } from '../base/user-error.js'
import { descriptorOf } from '../client/doors.js'
import { peerOf } from '../client/peer.js'
import { isLoopback } from '../client/protected-mode.js'
import type { Server } from '../client/server.js'
import type { Config } from '../config/config.js'
import { monitoringExposed } from '../config/exposed.js'
import { createHttpServer } from '../tls/for-monitoring.js'
import { type Metrics, metricsOf } from './metrics.js'
import { readinessOf } from './readiness.js'
import { placeOf } from './snapshot.js'
import { Watch, type Wish } from './watch.js'

/** Who does not say what he wants in this time is sent away, when it is next looked. */
const REQUEST_TIMEOUT_MS = 5000
const LOOK_MS = 1000
/** When one more comes the oldest goes that is being told nothing: who asks whether the proxy is alive always gets in. */
const CONNECTIONS_MAX = 100

const PAGE = new URL('page/', packageRoot)
const FILES: Readonly<Record<string, readonly [name: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
}

/** This machine, as somebody on it names it. */
const LOCAL_NAME = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i

/** What HTTP clients see, all of it read-only. */
interface Page {
  readonly status: number
  readonly type: string
  readonly body: string
}

/**
 * The port for monitoring: a page for people, /metrics for Prometheus, /readyz and /healthz for load balancers and
 * orchestrators. It listens when `admin.port` is set; with `admin.token` it wants that for all but /healthz and /readyz.
 */
export class AdminServer {
  private readonly http: HttpServer
  /** The connections, the oldest first, each with the last answer that was begun on it. */
  private readonly connections = new Map<Socket, ServerResponse | undefined>()
  private readonly metrics: Metrics
  private readonly watch: Watch

  constructor(private readonly server: Server) {
    this.metrics = metricsOf(server)
    this.watch = new Watch(server)
    const { monitoring } = server.tls
    const options = { connectionsCheckingInterval: LOOK_MS }
    this.http = createHttpServer(monitoring, options, REQUEST_TIMEOUT_MS, (request, response) => {
      void this.serve(request, response)
    })
    // Who does not finish the handshake in time is sent away by that, and there are not more of them either.
    if (monitoring !== undefined) this.http.maxConnections = 2 * CONNECTIONS_MAX
    this.http.on(monitoring === undefined ? 'connection' : 'secureConnection', (socket) => this.connected(socket))
    this.http.requestTimeout = REQUEST_TIMEOUT_MS
    this.http.headersTimeout = REQUEST_TIMEOUT_MS
    // What comes on a connection that is broken off, or speaks something else, is nobody's loss.
    this.http.on('clientError', (_error, socket) => socket.destroy())
  }

  /**
   * Gives where it listens, which may be a socket that was passed; undefined without a port: then it does not, and closes that, for
   * who connects to what nobody reads would wait for ever.
   *
   * @throws UserError when the address cannot be listened on
   */
  async open(
    { host, port }: Config['admin'],
    passed: readonly PassedSocket[],
  ): Promise<{ host: string; port: number } | undefined> {
    const there = passed.find(({ name }) => name === 'admin')
    if (port === undefined) {
      if (there !== undefined) closeSync(there.fd)
      // What happens is noted for DT EVENTS, too.
      this.watch.start()
      return undefined
    }
    try {
      this.http.listen(there === undefined ? { host, port } : { fd: there.fd })
      await once(this.http, 'listening')
    } catch (failure) {
      throw new UserError(`admin.port ${port} of ${host} cannot be listened on: ${(failure as Error).message}`)
    }
    this.watch.start()
    const { port: taken, address } = this.http.address() as AddressInfo
    const { log, tls, config } = this.server
    log.info(
      { event: 'monitoring-opened' },
      `monitoring is served on ${tls.monitoring === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    )
    const exposed = monitoringExposed(config.admin, address)
    if (exposed !== undefined) {
      log.warn({ event: 'monitoring-exposed', host: address, port: taken }, `${exposed.what}; ${exposed.todo}`)
    }
    return { host, port: taken }
  }

  /** Its socket, to be passed to another process. */
  sockets(): PassedSocket[] {
    return this.http.listening ? [{ fd: descriptorOf(this.http), name: 'admin' }] : []
  }

  async close(): Promise<void> {
    this.watch.stop()
    if (!this.http.listening) return
    const closed = once(this.http, 'close')
    this.http.close()
    this.http.closeAllConnections()
    await closed
  }

  private connected(socket: Socket): void {
    const { connections } = this
    connections.set(socket, undefined)
    socket.once('close', () => connections.delete(socket))
    if (connections.size <= CONNECTIONS_MAX) return
    for (const [other, response] of connections) {
      if (other === socket || isUnderWay(response)) continue
      connections.delete(other)
      other.destroy()
      return
    }
    socket.destroy()
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request
    // Thousands of requests may stand in one packet: only one of a connection is served at a time.
    if (isUnderWay(this.connections.get(socket))) socket.destroy()
    if (socket.destroyed) return
    this.connections.set(socket, response)
    try {
      if (this.isWatcher(request)) {
        this.watch.add(response, this.wishOf(request))
        return
      }
      const { status, type, body } = await this.answer(request)
      response.writeHead(status, {
        ...{ 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' },
        ...{ 'content-security-policy': "default-src 'self'; img-src data:", 'x-content-type-options': 'nosniff' },
        ...(status === 401 && { 'www-authenticate': 'Basic realm="Diminished Triad", Bearer' }),
        ...(status === 405 && { allow: 'GET, HEAD' }),
      })
      response.end(request.method === 'HEAD' ? undefined : body)
    } catch (failure) {
      this.server.failed(failure as Error, { url: request.url })
      response.destroy()
    }
  }

  private isWatcher(request: IncomingMessage): boolean {
    return pathOf(request) === '/events' && request.method === 'GET' && this.isAllowed(request)
  }

  private wishOf(request: IncomingMessage): Wish {
    const keys = this.mayShowKeys(request)
    return { keys, hotKeys: keys && queryOf(request).has('hot') }
  }

  /**
   * Keys may tell who a customer is: who has said no token sees them only on this machine, and by its name, since a page of somebody
   * else may give its own name this address and read here in a browser of this machine.
   */
  private mayShowKeys({ socket, headers }: IncomingMessage): boolean {
    if (this.server.config.admin.token !== undefined) return true
    return isLoopback(peerOf(socket)) && LOCAL_NAME.test(headers.host ?? '')
  }

  private async answer(request: IncomingMessage): Promise<Page> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET and HEAD are served')
    const path = pathOf(request)
    if (path === '/healthz') return text(200, 'ok')
    if (path === '/readyz') return this.readyz(request)
    if (!this.isAllowed(request))
      return text(401, 'admin.token is wanted: as a bearer token, or as the password of any user')
    if (path === '/metrics') return { status: 200, type: this.metrics.contentType, body: await this.metrics.text() }
    // HEAD: what GET would be.
    if (path === '/events') return { status: 200, type: 'text/event-stream', body: '' }
    if (path === '/locate') return this.locate(queryOf(request).get('key') ?? '')
    return FILES[path] === undefined ? text(404, 'there are /, /metrics, /readyz and /healthz') : fileOf(path)
  }

  private locate(key: string): Page {
    return json(200, placeOf(this.server.views.current, Buffer.from(key)))
  }

  /** Why not, as text, or as JSON for whoever accepts that. */
  private readyz({ headers }: IncomingMessage): Page {
    const readiness = readinessOf(this.server)
    const { ready, why, warnings } = readiness
    const status = ready ? 200 : 503
    if (/\bapplication\/json\b/.test(headers.accept ?? '')) {
      return json(status, readiness)
    }
    return text(status, [ready ? 'ready' : `not ready: ${why}`, ...warnings].join('\n'))
  }

  private isAllowed({ headers }: IncomingMessage): boolean {
    const { token } = this.server.config.admin
    if (token === undefined) return true
    const [, scheme = '', said = ''] = /^(\S+) (.*)$/.exec(headers.authorization ?? '') ?? []
    const basic = () =>
      Buffer.from(said, 'base64')
        .toString()
        .replace(/^[^:]*:/, '')
    const given = digest(/^bearer$/i.test(scheme) ? said : /^basic$/i.test(scheme) ? basic() : '')
    return timingSafeEqual(given, digest(token))
  }
}

/** Whether an answer has been begun, and is not at its end. */
function isUnderWay(response: ServerResponse | undefined): boolean {
  return response !== undefined && !response.writableEnded
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?')[0]
}

function queryOf({ url = '/' }: IncomingMessage): URLSearchParams {
  return new URLSearchParams(url.split('?')[1])
}

function json(status: number, value: unknown): Page {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` }
}

function fileOf(path: string): Page {
  const [name, type] = FILES[path]
  return { status: 200, type, body: readFileSync(new URL(name, PAGE), 'utf8') }
}

/** Of the same length whatever it is made of. */
function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function text(status: number, body: string): Page {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` }
}
