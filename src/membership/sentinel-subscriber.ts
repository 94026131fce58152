import type { Endpoint } from '../backend/single-connection.js'
import type { TlsTarget } from '../tls/to-servers.js'
import { SentinelConnection } from './sentinel-connection.js'
import { parseMasters, parseNews, parseTilt, SENTINEL_CHANNELS } from './sentinel-reply.js'
import type { SentinelMaster, SentinelNews } from './state.js'

/** Sentinel's timer takes a gap of 2 s for tilt: polls up to 1250 ms apart that give up this early notice every such stop. */
const ANSWER_TIMEOUT_MS = 750
const TIMEOUTS = { connectMs: 1000, answerMs: ANSWER_TIMEOUT_MS }
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
  private readonly endpoint: Endpoint
  private polled: SentinelConnection | undefined
  /** True also while it is being made. */
  private isSubscribed = false
  private subscribed: SentinelConnection | undefined
  private timer: NodeJS.Timeout | undefined
  private again: NodeJS.Timeout | undefined
  private stopped = false
  private asking = false
  /** Connections that failed since an answer came. */
  private failures = 0
  /** Counts the news, to notice those that arrive while a poll is under way. */
  private newsCount = 0

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
    this.endpoint = { host, port, ...auth }
  }

  start(): void {
    void this.connect()
    this.timer = setInterval(() => this.poll(), this.pollMs)
  }

  stop(): void {
    this.stopped = true
    clearInterval(this.timer)
    clearTimeout(this.again)
    this.polled?.close()
    this.subscribed?.close()
  }

  private async connect(): Promise<void> {
    const lost = (reason: Error) => {
      this.polled = undefined
      if (this.stopped) return
      this.listener.onLost(reason.message)
      const delayMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(this.failures++, 10))
      this.again = setTimeout(() => this.connect(), delayMs)
    }
    let connection: SentinelConnection
    try {
      connection = await SentinelConnection.open(this.endpoint, TIMEOUTS, undefined, lost)
    } catch (error) {
      lost(error as Error)
      return
    }
    if (this.stopped) {
      connection.close()
      return
    }
    this.polled = connection
    void this.poll()
  }

  /** Listens to what it says; the next poll tries again when that fails. */
  private async subscribe(): Promise<void> {
    this.isSubscribed = true
    try {
      const connection = await SentinelConnection.open(
        this.endpoint,
        TIMEOUTS,
        (channel, message) => this.receive(channel, message),
        () => {
          this.isSubscribed = false
          this.subscribed = undefined
        },
      )
      this.subscribed = connection
      if (this.stopped) connection.close()
      else await connection.subscribe(SENTINEL_CHANNELS).catch((error: Error) => connection.close(error.message))
    } catch {
      // That the polls go on is what counts.
      this.isSubscribed = false
    }
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
    const { polled, subscribed, newsCount } = this
    if (this.stopped || this.asking || polled === undefined) return
    this.asking = true
    try {
      const [masters, tilt] = await Promise.all([
        polled.ask('SENTINEL', 'MASTERS').then(parseMasters),
        polled.ask('INFO', 'sentinel').then(parseTilt),
        // A subscribed connection of which the other end is gone would be silent for ever.
        subscribed?.ask('PING').catch((error: Error) => subscribed.close(error.message)),
      ])
      this.asking = false
      if (this.stopped) return
      this.failures = 0
      if (!this.isSubscribed) void this.subscribe()
      // The answer may be older than the news that overtook it on the other connection.
      if (newsCount === this.newsCount) this.listener.onPolled(masters, tilt)
      else void this.poll()
    } catch (error) {
      this.asking = false
      // That it is lost is told when it closes.
      polled.close((error as Error).message)
    }
  }
}
