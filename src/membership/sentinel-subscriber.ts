import { Redis, type RedisOptions } from 'ioredis'
import type { TlsTarget } from '../tls/to-servers.js'
import { parseMasters, parseNews, parseTilt, SENTINEL_CHANNELS } from './sentinel-reply.js'
import { tlsOptions } from './sentinel-tls.js'
import type { SentinelMaster, SentinelNews } from './state.js'

/** Sentinel's timer takes a gap of 2 s for tilt: polls up to 1250 ms apart that give up this early notice every such stop. */
const ANSWER_TIMEOUT_MS = 750
const CONNECT_TIMEOUT_MS = 1000
const RECONNECT_MIN_MS = 100
const RECONNECT_MAX_MS = 2000

export interface SentinelListener {
  onPolled(masters: readonly SentinelMaster[], tilt: boolean): void
  onNews(news: SentinelNews): void
  /** It did not answer, or not as a Sentinel does. Told for every poll that failed. */
  onLost(reason: string): void
}

/**
 * (K) Follows one Sentinel over two connections: one is polled (pub/sub is lossy), one is subscribed (a poll is late).
 * It connects again by itself, for ever, and decides nothing.
 */
export class SentinelSubscriber {
  private readonly polling: Redis
  private readonly subscribed: Redis
  private timer: NodeJS.Timeout | undefined
  private stopped = false
  private asking = false
  /** Counts the news, to notice those that arrive while a poll is under way. */
  private newsCount = 0
  private lastError = 'no connection yet'

  constructor(
    { host, port }: { readonly host: string; readonly port: number },
    auth: {
      readonly username: string | undefined
      readonly password: string | undefined
      readonly tls?: TlsTarget | undefined
    },
    private readonly pollMs: number,
    private readonly listener: SentinelListener,
  ) {
    const options: RedisOptions = {
      host,
      port,
      ...(auth.username === undefined ? {} : { username: auth.username }),
      ...(auth.password === undefined ? {} : { password: auth.password }),
      ...tlsOptions(auth.tls, host),
      lazyConnect: true,
      connectTimeout: CONNECT_TIMEOUT_MS,
      commandTimeout: ANSWER_TIMEOUT_MS,
      retryStrategy: (attempt) => Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(attempt - 1, 10)),
      // What was asked of a connection that broke is asked anew by the next poll, not sent again.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      // Sentinel does not know CLIENT SETINFO.
      disableClientInfo: true,
    }
    this.polling = new Redis(options)
    this.subscribed = new Redis(options)
    this.polling.on('ready', () => {
      // What is said when it closes without an error.
      this.lastError = 'it closed the connection'
      void this.poll()
    })
    this.polling.on('close', () => this.lost(this.lastError))
    this.subscribed.on('ready', () => this.subscribe())
    this.subscribed.on('message', (channel: string, message: string) => this.receive(channel, message))
    for (const connection of [this.polling, this.subscribed]) {
      connection.on('error', (error: NodeJS.ErrnoException) => {
        this.lastError = error.message || (error.code ?? 'unknown error')
      })
    }
  }

  start(): void {
    // A refusal is told by the events `error` and `close`, and tried again.
    this.polling.connect().catch(() => {})
    this.timer = setInterval(() => this.poll(), this.pollMs)
  }

  stop(): void {
    this.stopped = true
    clearInterval(this.timer)
    this.polling.disconnect()
    this.subscribed.disconnect()
  }

  private subscribe(): void {
    this.subscribed.subscribe(...SENTINEL_CHANNELS).catch((error: Error) => this.abandon(this.subscribed, error))
  }

  private receive(channel: string, message: string): void {
    if (this.stopped) return
    const news = parseNews(channel, message)
    if (news === undefined) return
    this.newsCount++
    this.listener.onNews(news)
  }

  /** Asks for everything; one question at a time. */
  private async poll(): Promise<void> {
    if (this.stopped || this.asking || this.polling.status !== 'ready') return
    this.asking = true
    const { newsCount } = this
    try {
      const [masters, info] = await Promise.all([
        this.polling.call('SENTINEL', 'MASTERS').then(parseMasters),
        this.polling.info('sentinel').then(parseTilt),
        // A subscribed connection of which the other end is gone would be silent for ever.
        this.subscribed.status === 'ready'
          ? this.subscribed.ping().catch((error: Error) => this.abandon(this.subscribed, error))
          : undefined,
      ])
      this.asking = false
      if (this.stopped) return
      // Not before it has answered as a Sentinel does: what another server might answer to SUBSCRIBE makes ioredis throw.
      if (this.subscribed.status === 'wait') this.subscribed.connect().catch(() => {})
      // The answer may be older than the news that overtook it on the other connection.
      if (newsCount === this.newsCount) this.listener.onPolled(masters, info)
      else void this.poll()
    } catch (error) {
      this.asking = false
      this.abandon(this.polling, error as Error)
      this.lost((error as Error).message)
    }
  }

  private lost(reason: string): void {
    if (!this.stopped) this.listener.onLost(reason)
  }

  /** Gives up a connection that did not answer as it should; it is made anew. */
  private abandon(connection: Redis, error: Error): void {
    this.lastError = error.message
    if (!this.stopped && connection.status === 'ready') connection.disconnect(true)
  }
}
