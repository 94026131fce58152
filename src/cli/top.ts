import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../base/user-error.js'
import { parseWords } from './arguments.js'
import { PROXY_OPTIONS, type ProxyClient, withProxy } from './proxy-client.js'
import { type Output, Progress } from './terminal.js'
import { eventsBetween, ratesBetween, type Sample, topScreen } from './top-screen.js'

const EVENTS_KEPT = 5

/** `dt top`: the ring at work, until Ctrl-C or, with --once, for one look of a second. */
export async function top(argv: string[], out: Output): Promise<number> {
  const options = { ...PROXY_OPTIONS, once: { type: 'boolean' }, interval: { type: 'string' } } as const
  const { values } = parseWords(argv, options)
  const intervalMs = intervalIn(values.interval)
  return withProxy(values, async (client) => {
    const ending = new AbortController()
    const stop = () => ending.abort()
    process.once('SIGINT', stop)
    try {
      const first = await sample(client)
      await watch(
        client,
        out,
        { first, intervalMs, once: values.once === true, json: values.json === true },
        ending.signal,
      )
      return 0
    } finally {
      process.removeListener('SIGINT', stop)
    }
  })
}

interface Watch {
  readonly first: Sample
  readonly intervalMs: number
  readonly once: boolean
  readonly json: boolean
}

async function watch(client: ProxyClient, out: Output, { first, intervalMs, once, json }: Watch, ending: AbortSignal) {
  const progress = new Progress(out)
  const isLive = out.isTTY === true && !once
  const events: string[] = []
  for (let before = first; ; ) {
    await sleep(intervalMs, undefined, { signal: ending }).catch(() => {})
    if (ending.aborted) return
    const now = await sample(client)
    const rates = ratesBetween(before, now)
    const clock = new Date().toTimeString().slice(0, 8)
    const news = eventsBetween(before, now)
    events.push(...news.map((event) => `${clock}  ${event}`))
    events.splice(0, events.length - EVENTS_KEPT)
    if (json) out.write(`${JSON.stringify({ rates, events: news, ...now })}\n`)
    else if (isLive) progress.show(topScreen(out, now, rates, events))
    else out.write(`${topScreen(out, now, rates, events).join('\n')}\n${once ? '' : '\n'}`)
    if (once) return
    before = now
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
