import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../base/user-error.js'
import type { Fields } from './answers.js'
import { parseWords } from './arguments.js'
import { timeOf } from './past.js'
import { NoProxyError, PROXY_OPTIONS, ProxyClient, type ProxyOptions } from './proxy-client.js'
import { duration, type Output, Progress, styled } from './terminal.js'
import { eventsBetween, ratesBetween, type Sample, topScreen } from './top-screen.js'

const EVENTS_KEPT = 5

/** `dt top`: the ring at work, until Ctrl-C or, with --once, for one look of a second. */
export async function top(argv: string[], out: Output): Promise<number> {
  const options = { ...PROXY_OPTIONS, once: { type: 'boolean' }, interval: { type: 'string' } } as const
  const { values } = parseWords(argv, options)
  const intervalMs = intervalIn(values.interval)
  const { once = false, json = false } = values
  const ending = new AbortController()
  const stop = () => ending.abort()
  process.once('SIGINT', stop)
  try {
    await watch(values, new Pictures(out, { once, json }), intervalMs, once, ending.signal)
    return 0
  } finally {
    process.removeListener('SIGINT', stop)
  }
}

/** Goes on with whoever answers there when the proxy goes away: that is when one wants to look. */
async function watch(values: ProxyOptions, pictures: Pictures, intervalMs: number, once: boolean, ending: AbortSignal) {
  let client: ProxyClient | undefined = await ProxyClient.connect(values)
  try {
    pictures.begin(await client.list('EVENTS'))
    let before = await sample(client)
    for (;;) {
      await sleep(intervalMs, undefined, { signal: ending }).catch(() => {})
      if (ending.aborted) return
      try {
        client ??= await ProxyClient.connect(values)
        const now = await sample(client)
        pictures.show(before, now)
        before = now
      } catch (error) {
        if (once || !(error instanceof NoProxyError)) throw error
        client?.close()
        client = undefined
        pictures.showAway(error.message)
      }
      if (once) return
    }
  } finally {
    client?.close()
  }
}

/** What was seen, as the terminal, or who reads the output, gets it. */
class Pictures {
  private readonly progress: Progress
  private readonly events: string[] = []
  private last: readonly string[] = []
  private awaySinceMs: number | undefined

  constructor(
    private readonly out: Output,
    private readonly how: { readonly once: boolean; readonly json: boolean },
  ) {
    this.progress = new Progress(out)
  }

  /** With what the proxy has seen before, the latest first. */
  begin(seen: readonly Fields[]): void {
    for (const { at, what } of seen.slice(0, EVENTS_KEPT).reverse()) this.note(String(what), new Date(String(at)))
  }

  show(before: Sample, now: Sample): void {
    const { out, how, events } = this
    const rates = ratesBetween(before, now)
    const news = eventsBetween(before, now)
    if (this.awaySinceMs !== undefined && before.info.run_id === now.info.run_id)
      news.unshift('the proxy answers again')
    this.awaySinceMs = undefined
    for (const event of news) this.note(event)
    if (how.json) {
      out.write(`${JSON.stringify({ rates, events: news, ...now })}\n`)
      return
    }
    this.last = topScreen(out, now, rates, events)
    if (out.isTTY === true && !how.once) this.progress.show(this.last)
    else out.write(`${this.last.join('\n')}\n${how.once ? '' : '\n'}`)
  }

  /** Nobody answers: what was seen last stays, below that. */
  showAway(why: string): void {
    const { out, how } = this
    const nowMs = performance.now()
    if (this.awaySinceMs === undefined) this.note(why)
    this.awaySinceMs ??= nowMs
    if (how.json) {
      out.write(`${JSON.stringify({ answers: false, why })}\n`)
      return
    }
    const since = duration(Math.round((nowMs - this.awaySinceMs) / 1000))
    const lines = [styled(out, 'red', why), `connecting again for ${since} so far; this was seen last:`, '']
    if (out.isTTY === true) this.progress.show([...lines, ...this.last])
    else out.write(`${lines[0]}; connecting again for ${since} so far\n`)
  }

  private note(event: string, at = new Date()): void {
    this.events.push(`${timeOf(at)}  ${event}`)
    this.events.splice(0, this.events.length - EVENTS_KEPT)
  }
}

async function sample(client: ProxyClient): Promise<Sample> {
  const pingMs = await client.ping()
  const info = await client.info('server', 'clients', 'stats', 'dt')
  const nodes = await client.list('NODES')
  const migrations = await client.list('MIGRATIONS')
  return { atMs: performance.now(), pingMs, info, nodes, migrations }
}

function intervalIn(text = '1'): number {
  const seconds = /^\d{1,5}(\.\d{1,3})?$/.test(text) ? Number(text) : 0
  if (seconds >= 0.1 && seconds <= 3600) return seconds * 1000
  throw new UsageError(`--interval must be a number of seconds from 0.1 to 3600, not '${text}'`)
}
