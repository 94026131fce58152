import { setTimeout as sleep } from 'node:timers/promises'
import { command } from '../helpers/raw-client.js'
import { itemsOf, textOf } from '../helpers/raw-reply.js'
import type { ProxyAddress } from './client.js'
import { Connection } from './connection.js'

/** Keys that are asked for at a time: so few that a walk lasts long enough for something to happen meanwhile. */
const COUNT = 10
const PATIENCE_MS = 9000
const RETRY_MS = 50
/**
 * A walk may begin anew when the members change, so it may need more calls than there are keys for; but so many times
 * nobody joins or leaves while it lasts.
 */
const WALKS_MAX = 15
const CALLS_SPARE = 1000
/** However few keys it has come to, a walk may tell of so many so often. */
const SEEN_MIN = 500

/** Walks through all keys of database 0 again and again, as SCAN does: each walk ends, and misses no key that stays. */
export class Scanner {
  walks = 0
  private stopped = false

  /** `staying` are there from before the first walk until after the last one; `keys` there are altogether, about. */
  constructor(
    private readonly proxy: () => ProxyAddress,
    private readonly staying: readonly string[],
    private readonly keys: number,
    private readonly complain: (message: string) => void,
  ) {}

  stop(): void {
    this.stopped = true
  }

  /** Until `stop`. */
  async run(): Promise<void> {
    while (!this.stopped) await this.walk()
  }

  private async walk(): Promise<void> {
    const callsMax = (this.keys / COUNT) * WALKS_MAX + CALLS_SPARE
    const seen = new Set<string>()
    let connection: Connection | undefined
    let cursor = '0'
    let calls = 0
    /** Keys that it was told of, as often as it was. */
    let told = 0
    try {
      while (calls === 0 || cursor !== '0') {
        if (this.stopped) return
        try {
          connection ??= await Connection.open(this.proxy().port)
          const [next, found] = await ask(connection, cursor)
          cursor = next
          for (const key of found) seen.add(key)
          told += found.length
        } catch {
          // An error leaves the walk where it is.
          connection?.close('the walk goes on over another one')
          connection = undefined
          await sleep(RETRY_MS)
          continue
        }
        if (++calls <= callsMax && told <= WALKS_MAX * Math.max(seen.size, SEEN_MIN)) continue
        this.complain(
          `SCAN has been called ${calls} times, for about ${this.keys} keys, has told of ${seen.size} of them ${told} times, and has not come to its end`,
        )
        return
      }
    } finally {
      connection?.close('done')
    }
    this.walks++
    const missed = this.staying.filter((key) => !seen.has(key))
    if (missed.length === 0) return
    const example = JSON.stringify(missed[0])
    this.complain(
      `a walk by SCAN has missed ${missed.length} of ${this.staying.length} keys that stay, as ${example}; ` +
        `it has seen ${seen.size} keys in ${calls} calls`,
    )
  }
}

async function ask(connection: Connection, cursor: string): Promise<[next: string, keys: string[]]> {
  const timer = setTimeout(() => connection.close('no reply'), PATIENCE_MS)
  const [reply] = await Promise.all(connection.send(command('SCAN', cursor, 'COUNT', String(COUNT)), 1)).finally(() =>
    clearTimeout(timer),
  )
  const [next, keys] = itemsOf(reply)
  return [textOf(next), itemsOf(keys).map(textOf)]
}
