import type { Fields } from './answers.js'
import { parseWords } from './arguments.js'
import { PROXY_OPTIONS, withProxy } from './proxy-client.js'
import {
  bar,
  count,
  counted,
  duration,
  indented,
  type Output,
  percent,
  right,
  size,
  styled,
  table,
} from './terminal.js'

/** `dt nodes`: the servers that the Sentinels know. */
export async function nodes(argv: string[], out: Output): Promise<number> {
  const { values } = parseWords(argv, PROXY_OPTIONS)
  const all = await withProxy(values, (client) => client.list('NODES'))
  if (values.json === true) return json(out, all)
  if (all.length === 0) {
    out.write('No server is known: no Sentinel of the settings answers, or none monitors one (the log says which).\n')
    return 1
  }
  const about = (node: Fields) =>
    (node['keys-counted'] === 'estimated' ? '~' : '') + count(Number(node['keys-mastered']))
  const rows = all.map((node) => [
    ...[String(node.name), String(node.address), String(node.state), String(node.link), String(node.version)],
    ...[percent(Number(node.share)), about(node), String(node.why)],
  ])
  const columns = [
    ...[{ head: 'name' }, { head: 'address' }, { head: 'state' }, { head: 'link' }, { head: 'version' }],
    ...[right('share'), right('keys'), { head: 'why' }],
  ]
  const colour = { up: 'green', suspect: 'yellow' } as const
  out.write(
    table(out, columns, rows, (text, column, row) => {
      if (column !== 2) return text
      return styled(out, colour[rows[row][2] as keyof typeof colour] ?? 'red', text)
    }),
  )
  if (all.some((node) => node['keys-counted'] === 'incomplete')) {
    out.write('Not all keys were counted: no server of theirs answers.\n')
  }
  return 0
}

/** `dt proxies`: who serves the ring, and who sends clients on. */
export async function proxies(argv: string[], out: Output): Promise<number> {
  const { values } = parseWords(argv, PROXY_OPTIONS)
  const all = await withProxy(values, (client) => client.list('PROXIES'))
  if (values.json === true) return json(out, all)
  const rows = all.map((proxy) => [
    ...[String(proxy.role), String(proxy.clients), String(proxy.peer), count(Number(proxy.connected))],
    ...[String(proxy.where), String(proxy.run).slice(0, RUN_SHOWN), String(proxy.why)],
  ])
  const heads = ['role', 'clients at', 'peers at', 'clients', 'where', 'run', 'why']
  const columns = heads.map((head) => (head === 'clients' ? right(head) : { head }))
  out.write(
    table(out, columns, rows, (text, column, row) => {
      if (column !== 0) return text
      return styled(out, rows[row][6] === '' ? 'green' : 'red', text)
    }),
  )
  return 0
}

/** `dt ring`: who has which part of the ring, and with --ranges each token range. */
export async function ring(argv: string[], out: Output): Promise<number> {
  const { values } = parseWords(argv, { ...PROXY_OPTIONS, ranges: { type: 'boolean' } })
  const { ranges, view } = await withProxy(values, async (client) => {
    return { ranges: await client.list('RING'), view: await client.fields('VIEW') }
  })
  if (values.json === true) return json(out, { ...view, ranges })
  const has = (range: Fields, field: string, name: string) => ((range[field] ?? []) as string[]).includes(name)
  const share = (of: readonly Fields[]) => percent(of.reduce((sum, range) => sum + Number(range.share), 0))
  const rows = (view.members as string[]).map((name) => {
    const mastered = ranges.filter((range) => (range.replicas as string[])[0] === name)
    const held = ranges.filter((range) => has(range, 'replicas', name))
    const pending = ranges.filter((range) => has(range, 'pending', name))
    return [name, count(mastered.length), share(mastered), share(held), pending.length === 0 ? '' : share(pending)]
  })
  out.write(
    table(out, [{ head: 'member' }, right('ranges'), right('master of'), right('holds'), right('receives')], rows),
  )
  const { epoch, ring, copies, serving, why } = view
  if (serving === 0) {
    out.write(`\nNothing is served yet: ${why}.\n`)
    return 1
  }
  out.write(`\nRing ${ring}, epoch ${epoch}: ${counted(ranges.length, 'token range')}, each on ${copies} members.\n`)
  if (values.ranges !== true) return 0
  const list = ranges.map((range) => [
    ...[String(range.from), String(range.to), percent(Number(range.share))],
    ...[(range.replicas as string[]).join(' '), ((range.pending ?? []) as string[]).join(' ')],
  ])
  out.write(
    `\n${table(out, [right('from'), right('to'), right('share'), { head: 'replicas' }, { head: 'receiving' }], list)}`,
  )
  return 0
}

/** `dt locate`: where a key is, or would be. */
export async function locate(argv: string[], out: Output): Promise<number> {
  const { values, positionals } = parseWords(argv, PROXY_OPTIONS, ['KEY'])
  const place = await withProxy(values, (client) => client.fields('LOCATE', positionals[0]))
  if (values.json === true) return json(out, place)
  const replicas = place.replicas as Fields[]
  if (replicas.length === 0) {
    out.write('No server has it: the ring has no members.\n')
    return 1
  }
  const columns = [{ head: 'role' }, { head: 'name' }, { head: 'address' }, { head: 'state' }]
  const rows = replicas.map(({ role, name, address, state }) => [role, name, address, state].map(String))
  out.write(table(out, columns, rows))
  const group = place.group === undefined ? '' : `, by its group ${place.group}`
  out.write(`\nIts identifier is ${place.identifier}${group}, and the next token on the ring ${place.token}.\n`)
  return 0
}

/** `dt doctor`: what is wrong, or unwise, and what to do. */
export async function doctor(argv: string[], out: Output): Promise<number> {
  const { values } = parseWords(argv, PROXY_OPTIONS)
  const findings = await withProxy(values, (client) => client.list('DOCTOR'))
  const code = findings.some(({ level }) => level === 'wrong') ? 1 : 0
  if (values.json === true) {
    json(out, findings)
    return code
  }
  if (findings.length === 0) out.write(`${styled(out, 'green', 'All is well.')}\n`)
  for (const { level, what, do: todo } of findings) {
    const head = level === 'wrong' ? styled(out, 'red', 'wrong ') : styled(out, 'yellow', 'unwise')
    out.write(`${head}  ${what}\n        do: ${todo}\n`)
  }
  return code
}

/** `dt migrations`: what data moves. */
export async function migrations(argv: string[], out: Output): Promise<number> {
  const { values } = parseWords(argv, PROXY_OPTIONS)
  const { all, why } = await withProxy(values, async (client) => {
    return { all: await client.list('MIGRATIONS'), why: await client.whyNotServing() }
  })
  if (values.json === true) return json(out, all)
  // Scripts wait until no data moves: nobody knows what has to before the ring is served.
  if (all.length === 0 && why !== undefined) {
    out.write(`Nothing is served yet: ${why}.\n`)
    return 1
  }
  if (all.length === 0) out.write('No data moves.\n')
  for (const line of migrationLines(all)) out.write(`${line}\n`)
  return 0
}

/** Digits of a run that tell it from others. */
const RUN_SHOWN = 8
const NARROW_BAR = 10

/** A line for each migration, with a progress bar; where that is too long for so many columns, a shorter bar and a line for the rest. */
export function migrationLines(all: readonly Fields[], columns = Number.POSITIVE_INFINITY): string[] {
  const width = Math.max(...all.map(({ member }) => String(member).length))
  return all.flatMap((migration) => {
    const member = String(migration.member).padEnd(width)
    if (migration.reason === 'displaced') return `${member}  copies that it does not need any more are deleted`
    const failed = (migration.failed ?? []) as string[]
    if (migration.reason === 'refused') return `${member}  does not take ${failed.join('; ')}`
    const [keys, total] = [Number(migration.keys), Number(migration['keys-total'])]
    const left =
      typeof migration['seconds-left'] !== 'number' ? '' : `, ${duration(Number(migration['seconds-left']))} left`
    const progress = `${count(keys)} of ~${counted(total, 'key')}, ${size(Number(migration.bytes))}${left}`
    const from = [...((migration.sources ?? []) as string[])].sort().join(' ')
    const reason = `(${migration.reason}, from ${from})`
    const line = `${member}  ${bar(keys, total)}  ${progress}  ${reason}`
    if (line.length < columns) return line
    return [`${member}  ${bar(keys, total, NARROW_BAR)}  ${progress}`, ...indented(reason, width + 2, columns)]
  })
}

export function json(out: Output, value: unknown): number {
  out.write(`${JSON.stringify(value, null, 2)}\n`)
  return 0
}
