import type { Fields } from './answers.js'
import { parseWords } from './arguments.js'
import { PROXY_OPTIONS, withProxy } from './proxy-client.js'
import { json } from './show.js'
import { columnsOf, cut, type Output, right, table } from './terminal.js'

/** When it was, of the clock and time zone here: 18:04:09 of today, else with the day. */
export function timeOf(at: Date, now = new Date()): string {
  const time = at.toTimeString().slice(0, 8)
  return at.toDateString() === now.toDateString() ? time : `${at.toDateString()} ${time}`
}

/** `dt events`: what happened to the ring since the proxy began, the latest last. */
export async function events(argv: string[], out: Output): Promise<number> {
  const { values } = parseWords(argv, PROXY_OPTIONS)
  const seen = await withProxy(values, (client) => client.list('EVENTS'))
  if (values.json === true) return json(out, seen)
  if (seen.length === 0) out.write('Nothing has happened since the proxy began.\n')
  for (const { at, what } of [...seen].reverse()) out.write(`${timeOf(new Date(String(at)))}  ${what}\n`)
  return 0
}

/** `dt slowlog`: which commands were slow, and where the time of each went, the latest last. */
export async function slowlog(argv: string[], out: Output): Promise<number> {
  const { values } = parseWords(argv, PROXY_OPTIONS)
  const slow = await withProxy(values, (client) => client.list('SLOWLOG', '-1'))
  if (values.json === true) return json(out, slow)
  if (slow.length === 0) {
    out.write('No command was slow; slowlog-log-slower-than (CONFIG GET) says from how many µs on one is.\n')
    return 0
  }
  const columns = [
    ...[{ head: 'when' }, right('ms'), right('waiting'), right('server'), right('proxy'), { head: 'slowest' }],
    ...[{ head: 'client' }, { head: 'command' }],
  ]
  const lines = table(out, columns, [...slow].reverse().map(slowRow)).split('\n')
  out.write(lines.map((line) => cut(line, columnsOf(out))).join('\n'))
  return 0
}

function slowRow(entry: Fields): string[] {
  const ms = (field: string) => (Number(entry[field]) / 1000).toFixed(1)
  return [
    ...[timeOf(new Date(Number(entry.time) * 1000)), ms('us'), ms('waiting-us'), ms('server-us'), ms('proxy-us')],
    ...[String(entry.member), String(entry.name) || String(entry.client), (entry.command as string[]).join(' ')],
  ]
}
