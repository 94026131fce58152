import { setTimeout as sleep } from 'node:timers/promises'
import type { Link } from '../backend/link.js'
import { keyId } from '../base/key-id.js'
import type { Router } from '../order/router.js'
import { integerOf, textOf } from '../resp/decode.js'
import { isError } from '../resp/encode.js'
import { sizesOf } from './sizes.js'
import { databasesOf, walkKeys } from './walk.js'

/** A walk takes no more than half of the time of a server, and of the proxy. */
const REST = 1
const REST_MIN_MS = 1

const LENGTHS: Readonly<Record<string, string>> = {
  ...{ string: 'STRLEN', list: 'LLEN', set: 'SCARD', zset: 'ZCARD', hash: 'HLEN', stream: 'XLEN' },
}

export interface BigKey {
  readonly db: number
  readonly key: Buffer
  /** Memory that one copy takes. */
  readonly bytes: number
  /** The server that was asked. */
  readonly member: string
  /** Elements, or bytes of a string; 0 for types of modules. */
  elements: number
}

/** What there is of a type. */
export interface OfType {
  keys: number
  bytes: number
  /** The biggest first. */
  readonly biggest: BigKey[]
}

export class BigKeysReport {
  state: 'running' | 'done' | 'stopped' = 'running'
  seen = 0
  total = 0
  seconds = 0
  readonly types = new Map<string, OfType>()
  /** Why not all keys were seen. */
  readonly reasons: string[] = []
}

/** DT BIGKEYS: the biggest keys of each type, by a walk over all servers in which each key is looked at where it is read. */
export class BigKeys {
  /** Of the walk that goes on, or of the last one. */
  report: BigKeysReport | undefined
  private stopping: AbortController | undefined

  constructor(private readonly router: () => Router) {}

  /** Undefined when another one goes on. */
  async find(count: number): Promise<BigKeysReport | undefined> {
    if (this.stopping !== undefined) return undefined
    const stopping = new AbortController()
    this.stopping = stopping
    const report = new BigKeysReport()
    this.report = report
    const beganMs = performance.now()
    try {
      const { links } = this.router()
      for (const link of links) await this.estimate(link, report)
      await Promise.all(links.map((link) => this.walk(link, count, report, stopping.signal)))
      for (const [type, { biggest }] of report.types) await Promise.all(biggest.map((big) => this.measure(type, big)))
    } finally {
      report.state = stopping.signal.aborted ? 'stopped' : 'done'
      report.seconds = (performance.now() - beganMs) / 1000
      this.stopping = undefined
    }
    return report
  }

  /** False when none goes on. */
  stop(): boolean {
    this.stopping?.abort()
    return this.stopping !== undefined
  }

  private async estimate(link: Link, report: BigKeysReport): Promise<void> {
    if (!link.ready) return
    try {
      for (const { keys } of await databasesOf(link)) report.total += keys
    } catch {
      // The walk says why.
    }
  }

  private async walk(link: Link, count: number, report: BigKeysReport, stopping: AbortSignal): Promise<void> {
    if (!link.ready) {
      report.reasons.push(`${link.name} is away: what it alone has was not seen`)
      return
    }
    try {
      for await (const { db, keys } of walkKeys(link)) {
        if (stopping.aborted) return
        const beganMs = performance.now()
        report.seen += keys.length
        await this.look(link, db, keys, count, report)
        await sleep(Math.max(REST_MIN_MS, (performance.now() - beganMs) * REST))
      }
    } catch (error) {
      report.reasons.push(`${link.name}: ${(error as Error).message}`)
    }
  }

  /** Each key once: on the member that is asked for it now. */
  private async look(link: Link, db: number, keys: readonly Buffer[], count: number, report: BigKeysReport) {
    const serving = this.router().serving()
    const own = keys.filter((key) => serving.by(link, key))
    const sizes = await sizesOf(
      link,
      db,
      own.map((key) => keyId(db, key, 0, key.length)),
    )
    const types = await Promise.all(own.map((key) => link.call(['TYPE', key], db)))
    for (const [i, key] of own.entries()) {
      const type = isError(types[i]) ? 'none' : (textOf(types[i]) ?? 'none')
      if (type !== 'none') note(report, type, count, { db, key, bytes: sizes[i], member: link.name, elements: 0 })
    }
  }

  private async measure(type: string, big: BigKey): Promise<void> {
    const command = LENGTHS[type]
    const link = this.router().links.find(({ name, ready }) => name === big.member && ready)
    if (command === undefined || link === undefined) return
    const reply = await link.call([command, big.key], big.db).catch(() => null)
    big.elements = integerOf(reply) ?? 0
  }
}

function note(report: BigKeysReport, type: string, count: number, big: BigKey): void {
  const of = report.types.get(type) ?? { keys: 0, bytes: 0, biggest: [] }
  report.types.set(type, of)
  of.keys++
  of.bytes += big.bytes
  const { biggest } = of
  if (biggest.length === count && biggest[count - 1].bytes >= big.bytes) return
  // A walk may give a key twice.
  if (biggest.some(({ db, key }) => db === big.db && key.equals(big.key))) return
  biggest.push(big)
  biggest.sort((a, b) => b.bytes - a.bytes)
  if (biggest.length > count) biggest.pop()
}
