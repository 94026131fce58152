import { setTimeout as sleep } from 'node:timers/promises'
import type { Fields } from './answers.js'
import { parseWords } from './arguments.js'
import { PROXY_OPTIONS, type ProxyClient, withProxy } from './proxy-client.js'
import { json } from './show.js'
import { bar, count, counted, duration, type Output, Progress, styled, table } from './terminal.js'

const POLL_MS = 200

const MEANINGS: readonly (readonly [kind: string, meaning: string])[] = [
  ['missing', 'on the master, and not on a backup'],
  ['extra', 'on a backup, and not on the master'],
  ['type', 'another type than on the master'],
  ['value', 'another value than on the master'],
  ['ttl', 'another time to live than on the master'],
  ['outvoted', 'on the master alone, or not there: the backups are equal'],
  ['orphaned', 'on a member that is no replica of the key'],
]

/** `dt verify`: compares all copies of all keys. 1 when differences are left, or not all was compared. */
export async function verify(argv: string[], out: Output): Promise<number> {
  const { values } = parseWords(argv, { ...PROXY_OPTIONS, repair: { type: 'boolean' } })
  const report = await withProxy(values, (client) =>
    withProxy(values, (other) =>
      run(client, other, { repair: values.repair === true, quiet: values.json === true }, out),
    ),
  )
  if (values.json === true) json(out, report)
  else print(report, out)
  return Number(report.left) > 0 || report.complete !== 1 ? 1 : 0
}

/** Asks on one connection, and for the progress on another one; Ctrl-C ends the verification, and it tells so far. */
async function run(
  client: ProxyClient,
  other: ProxyClient,
  { repair, quiet }: { readonly repair: boolean; readonly quiet: boolean },
  out: Output,
): Promise<Fields> {
  let over = false
  const answer = client.fields('VERIFY', ...(repair ? ['REPAIR'] : [])).finally(() => {
    over = true
  })
  const stop = () => void other.dt('VERIFY', 'STOP').catch(() => {})
  process.once('SIGINT', stop)
  const progress = new Progress(out, quiet)
  try {
    while (!over) {
      await Promise.race([answer, sleep(POLL_MS)])
      if (!quiet && !over) progress.show([await lineNow(other)])
    }
    return await answer
  } finally {
    process.removeListener('SIGINT', stop)
    progress.clear()
  }
}

/** How far it is. None has begun as long as the command waits until the ring is served. */
async function lineNow(client: ProxyClient): Promise<string> {
  if ((await client.dt('VERIFY', 'STATUS')) !== null) return line(await client.fields('VERIFY', 'STATUS'))
  const why = await client.whyNotServing()
  return why === undefined ? 'verify  begins' : `verify  waits: nothing is served yet: ${why}`
}

function line(status: Fields): string {
  const left = typeof status['seconds-left'] === 'number' ? `, ${duration(status['seconds-left'])} left` : ''
  const found = Number(status.differences) === 0 ? '' : `, ${counted(Number(status.differences), 'difference')}`
  const [seen, total] = [Number(status['copies-seen']), Number(status['copies-total'])]
  return `verify  ${bar(seen, total)}  ${counted(Number(status.keys), 'key')}${found}${left}`
}

function print(report: Fields, out: Output): void {
  const found = MEANINGS.filter(([kind]) => Number(report[kind]) > 0)
  if (found.length > 0) {
    const rows = found.map(([kind, meaning]) => [kind, count(Number(report[kind])), meaning])
    out.write(
      `${table(out, [{ head: 'difference' }, { head: 'copies', align: 'right' }, { head: 'meaning' }], rows)}\n`,
    )
    const examples = (report.examples as Fields[]).map((each) => [
      ...[String(each.kind), String(each.member), String(each.db), String(each.key)],
    ])
    const columns = [{ head: 'for example' }, { head: 'member' }, { head: 'db' }, { head: 'key' }]
    out.write(`${table(out, columns, examples)}\n`)
  }
  for (const reason of report.reasons as string[]) out.write(`${styled(out, 'yellow', 'not compared')}: ${reason}\n`)
  out.write(`${summary(report, out)}\n`)
}

function summary(report: Fields, out: Output): string {
  const compared = `${counted(Number(report.keys), 'key')} compared in ${duration(Number(report.seconds))}`
  const [differences, left, unchecked] = [Number(report.differences), Number(report.left), Number(report.unchecked)]
  const gap = unchecked === 0 ? '' : `, ${counted(unchecked, 'key')} could not be compared`
  const stopped = report.state === 'cancelled' ? ', stopped before it was through' : ''
  if (left > 0) {
    const repaired = report.repair === 1 ? `${count(Number(report.repaired))} repaired, ` : ''
    const advice = report.repair === 1 ? '' : '; dt verify --repair mends them'
    return styled(out, 'red', `${compared}${gap}${stopped}: ${repaired}${counted(left, 'difference')} left${advice}`)
  }
  const result = differences > 0 ? `${counted(differences, 'difference')} repaired` : 'all copies are equal'
  return styled(out, report.complete === 1 ? 'green' : 'yellow', `${compared}${gap}${stopped}: ${result}`)
}
