import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../base/user-error.js'
import type { Fields } from './answers.js'
import { parseWords } from './arguments.js'
import { PROXY_OPTIONS, type ProxyClient, withProxy } from './proxy-client.js'
import { json } from './show.js'
import {
  bar,
  count,
  counted,
  duration,
  type Output,
  Progress,
  percent,
  right,
  size,
  styled,
  table,
} from './terminal.js'

const POLL_MS = 200
/** As DT HOTKEYS takes. */
const SECONDS_MAX = 3600
const SHARE_WIDTH = 20

/** `dt hotkeys`: which keys clients ask for most, by commands and by bytes, in the next seconds. */
export async function hotkeys(argv: string[], out: Output): Promise<number> {
  const options = {
    ...PROXY_OPTIONS,
    seconds: { type: 'string' },
    sample: { type: 'string' },
    count: { type: 'string' },
  } as const
  const { values } = parseWords(argv, options)
  const seconds = numberIn('--seconds', values.seconds, 10, SECONDS_MAX)
  const sample = numberIn('--sample', values.sample, 10, 1_000_000)
  const shown = numberIn('--count', values.count, 10, 1000)
  const report = await withProxy(values, async (client) => {
    await client.dt('HOTKEYS', 'START', 'SAMPLE', String(sample), 'SECONDS', String(Math.min(seconds + 5, SECONDS_MAX)))
    await waitFor(seconds, new Progress(out, values.json === true))
    await client.dt('HOTKEYS', 'STOP')
    return await client.fields('HOTKEYS', 'GET', String(shown))
  })
  if (values.json === true) return json(out, report)
  const [commands, bytes] = [Number(report.commands), Number(report.bytes)]
  if (commands === 0) {
    out.write(`No command with a key was seen in ${duration(Number(report.seconds))}.\n`)
    return 0
  }
  const list = (name: string, unit: (value: number) => string) => {
    const rows = (report[name] as Fields[]).map(({ db, key, count: times, share, 'too-much-at-most': error }) => [
      ...[String(db), String(key), unit(Number(times)), percent(Number(share)), shareBar(Number(share))],
      Number(error) === 0 ? '' : `at most ${unit(Number(error))} too much`,
    ])
    const columns = [{ head: 'db' }, { head: 'key' }, right(name.replace('by-', '')), right('share'), { head: '' }]
    out.write(`${table(out, [...columns, { head: '' }], rows)}\n`)
  }
  list('by-commands', (value) => `~${count(value)}`)
  list('by-bytes', (value) => `~${size(value)}`)
  const rate = `~${counted(commands, 'command')} with keys, ~${size(bytes)}`
  out.write(`${rate} in ${duration(Number(report.seconds))}; one of ${report.sample} was looked at.\n`)
  return 0
}

/** Until then, or until Ctrl-C. */
async function waitFor(seconds: number, progress: Progress): Promise<void> {
  const ending = new AbortController()
  const stop = () => ending.abort()
  process.once('SIGINT', stop)
  const beganMs = performance.now()
  try {
    for (;;) {
      const passed = (performance.now() - beganMs) / 1000
      if (passed >= seconds || ending.signal.aborted) return
      progress.show([`counting  ${bar(passed, seconds)}  ${duration(Math.ceil(seconds - passed))} left`])
      const left = Math.min(POLL_MS, (seconds - passed) * 1000)
      await sleep(left, undefined, { signal: ending.signal }).catch(() => {})
    }
  } finally {
    process.removeListener('SIGINT', stop)
    progress.clear()
  }
}

/** `dt bigkeys`: the biggest keys of each type. 1 when not all keys were seen. */
export async function bigkeys(argv: string[], out: Output): Promise<number> {
  const { values } = parseWords(argv, { ...PROXY_OPTIONS, count: { type: 'string' } })
  const shown = numberIn('--count', values.count, 5, 1000)
  const quiet = values.json === true
  const report = await withProxy(values, (client) =>
    withProxy(values, (other) => walk(client, other, shown, new Progress(out, quiet))),
  )
  const isWhole = report.state === 'done' && (report.reasons as string[]).length === 0
  if (quiet) {
    json(out, report)
    return isWhole ? 0 : 1
  }
  const types = report.types as Fields[]
  const most = Math.max(...types.map(({ biggest }) => Number((biggest as Fields[])[0].bytes)))
  for (const { type, keys, bytes, biggest } of types) {
    out.write(`${styled(out, 'bold', String(type))}: ${counted(Number(keys), 'key')}, ${size(Number(bytes))}\n`)
    const rows = (biggest as Fields[]).map((big) => [
      ...[String(big.db), String(big.key), size(Number(big.bytes)), count(Number(big.elements)), String(big.member)],
      shareBar(Number(big.bytes) / most),
    ])
    const elements = type === 'string' ? 'length' : 'elements'
    const columns = [{ head: 'db' }, { head: 'key' }, right('memory'), right(elements), { head: 'server' }]
    out.write(`${table(out, [...columns, { head: '' }], rows)}\n`)
  }
  for (const reason of report.reasons as string[]) out.write(`${styled(out, 'yellow', 'not seen')}: ${reason}\n`)
  const keys = types.reduce((sum, type) => sum + Number(type.keys), 0)
  const ended = report.state === 'stopped' ? ', stopped before it was through' : ''
  out.write(
    `${counted(keys, 'key')} seen in ${duration(Number(report.seconds))}${ended}; memory is that of one copy.\n`,
  )
  return isWhole ? 0 : 1
}

/** Asks on one connection, and for the progress on another one; Ctrl-C ends the walk, and it tells so far. */
async function walk(client: ProxyClient, other: ProxyClient, shown: number, progress: Progress): Promise<Fields> {
  let over = false
  const answer = client.fields('BIGKEYS', String(shown)).finally(() => {
    over = true
  })
  const stop = () => void other.dt('BIGKEYS', 'STOP').catch(() => {})
  process.once('SIGINT', stop)
  try {
    while (!over) {
      await Promise.race([answer, sleep(POLL_MS)])
      if (over) break
      // None has begun as long as the command waits until the ring is served.
      if ((await other.dt('BIGKEYS', 'STATUS')) === null) continue
      const status = await other.fields('BIGKEYS', 'STATUS')
      const [seen, total] = [Number(status['entries-seen']), Number(status['entries-total'])]
      const left = seen === 0 ? '' : `, ${duration(Math.ceil((Number(status.seconds) * (total - seen)) / seen))} left`
      progress.show([`bigkeys  ${bar(seen, total)}  ${count(seen)} of ~${counted(total, 'copy', 'copies')}${left}`])
    }
    return await answer
  } finally {
    process.removeListener('SIGINT', stop)
    progress.clear()
  }
}

function shareBar(share: number): string {
  return '█'.repeat(Math.round(Math.min(1, share) * SHARE_WIDTH))
}

function numberIn(option: string, text: string | undefined, usual: number, most: number): number {
  if (text === undefined) return usual
  const value = /^\d{1,7}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= most) return value
  throw new UsageError(`${option} must be a whole number from 1 to ${most}, not '${text}'`)
}
