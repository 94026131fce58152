import t from 'tap'
import { allRows, rowNamed } from '../../src/command/table.js'
import { replicaSetOfKey } from '../../src/view/build-view.js'
import type { RawClient } from '../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'
import { cases } from './cases/index.js'
import { Pair } from './pair.js'
import { type Line, parseScript, type Way } from './script.js'

/*
 * Variants that are made, not written: of every supported command the first line in its script, with each argument
 * replaced by rubbish, without its last argument, with one too many, and with keys that hold every type of value.
 */

/** What stands in the place of an argument. No small positive number: it would make keys expire while we look. */
const RUBBISH = [
  '',
  'x',
  '0',
  '-1',
  '1.5',
  '9223372036854775807',
  '99999999999999999999',
  '\r\n',
  'STORE',
  'LIMIT',
  'COUNT',
]

/** Commands on the connection or with replies of our own, what servers have measured, cursors: what a wrong one gives is not laid down. */
const NOT_VARIED = new RegExp(
  [
    'auth|client\\|.*|hello|reset|quit|select|wait|lolwut|info|time|command\\|count|.?scan|config\\|(get|rewrite)',
    'latency\\|histogram|memory\\|(stats|malloc-stats)|bgsave|bgrewriteaof|lastsave|script\\|debug',
  ]
    .map((names) => `^(${names})$`)
    .join('|'),
)
/** They would wait for ever with some of the arguments, or keys; what is wrong about them stands in their cases. */
const WAITS = /^b[lrz].*(pop|push|move|min|max)$/

/** Lines that make a value of each type under a key. */
const TYPES: Record<string, (key: string) => string> = {
  nothing: () => 'PING',
  string: (key) => `SET ${key} value`,
  number: (key) => `SET ${key} 10`,
  list: (key) => `RPUSH ${key} a b c`,
  hash: (key) => `HSET ${key} f1 1 f2 2`,
  set: (key) => `SADD ${key} 1 2 3`,
  zset: (key) => `ZADD ${key} 1 m1 2 m2`,
  stream: (key) => `XADD ${key} 1-1 a 1`,
  hyperloglog: (key) => `PFADD ${key} a b`,
  'string that expires': (key) => `SET ${key} value EXAT 4102444800`,
}

const pair = await Pair.start(t)
const { theirs: asker } = await pair.connect(2)

/** What is not the same on any two servers, whatever the arguments. */
function wayOf(name: string, line: Line): Way {
  if (/^(spop|[sz]randmember|hrandfield)$/.test(name)) return 'numbers'
  return name === 'command|info' ? 'table' : line.way
}

interface Sample {
  readonly name: string
  readonly line: Line
  /** The lines before it in its script. */
  readonly setUp: readonly Line[]
}

function sampleOf(name: string, script: string): Sample {
  const lines = parseScript(script).filter(({ way }) => way !== 'refused')
  const words = name.split('|')
  const at = lines.findIndex(({ args }) => words.every((word, i) => args[i]?.toString().toLowerCase() === word))
  return { name, line: { ...lines[at], way: wayOf(name, lines[at]) }, setUp: lines.slice(0, at) }
}

/** The keys of a command as Redis sees them; none when it has none, or when the arguments do not tell. */
async function keysOf(redis: RawClient, args: readonly Buffer[]): Promise<Buffer[]> {
  const reply = readReply(await redis.ask('COMMAND', 'GETKEYS', ...args))
  return reply.type === '-' ? [] : itemsOf(reply).map((key) => Buffer.from(textOf(key), 'latin1'))
}

/** Words that ask for what is not served of a command that is. */
function isRefused(name: string, { args }: Line): boolean {
  const [, first, second] = args.map((arg) => arg.toString('latin1').toLowerCase())
  if (!/^(replicaof|slaveof)$/.test(name) || args.length !== 3 || (first === 'no' && second === 'one')) return false
  return /^(0|[1-9][0-9]{0,4})$/.test(second) && Number(second) <= 65535
}

/** The line, which the proxy is to refuse when its keys are on different servers. */
async function asServed(name: string, line: Line): Promise<Line> {
  const row = rowNamed(name)
  if (isRefused(name, line)) return { ...line, way: 'refused' }
  if (row?.route !== 'key' || row.plan !== undefined || row.gather !== undefined || row.merge !== 'none') return line
  const keys = await keysOf(asker, line.args)
  const sets = keys.map((key) => replicaSetOfKey(pair.proxy.view, key, 0, key.length))
  return new Set(sets).size > 1 ? { ...line, way: 'refused' } : line
}

async function variantsOf({ name, line }: Sample): Promise<Line[]> {
  const { args } = line
  const way = line.way === 'own' ? 'wrong' : line.way
  const first = name.split('|').length
  const lowerCase = (arg: Buffer) => Buffer.from(arg.toString('latin1').toLowerCase(), 'latin1')
  const all: Buffer[][] = [
    args.slice(0, -1),
    [...args, Buffer.from('x')],
    [...args, Buffer.from('1'), Buffer.from('2')],
    args.map(lowerCase),
  ]
  for (let i = first; i < args.length; i++) {
    for (const rubbish of RUBBISH) all.push(args.with(i, Buffer.from(rubbish)))
  }
  const lines: Line[] = []
  for (const variant of all) {
    const text = variant.map((arg) => JSON.stringify(arg.toString('latin1'))).join(' ')
    if (variant.length >= first) lines.push(await asServed(name, { way, args: variant, text }))
  }
  return lines
}

const samples = Object.entries(cases).map(([name, script]) => sampleOf(name, script))

for (const proto of [2, 3] as const) {
  t.test(`rubbish for every argument, RESP${proto}`, async (t) => {
    for (const sample of samples) {
      if (NOT_VARIED.test(sample.name) || WAITS.test(sample.name)) continue
      await pair.flush()
      const startedMs = performance.now()
      const lines = [...sample.setUp, sample.line, ...(await variantsOf(sample))]
      t.equal((await pair.differences(lines, proto, true)).join('\n'), '', `${sample.name}: replies`)
      t.equal((await pair.dataFaults(performance.now() - startedMs)).join('\n'), '', `${sample.name}: data`)
    }
  })

  t.test(`keys that hold every type of value, RESP${proto}`, async (t) => {
    for (const { name, line } of samples) {
      if (WAITS.test(name)) continue
      const keys = (await keysOf(asker, line.args)).map((key) => JSON.stringify(key.toString('latin1')))
      if (keys.length === 0) continue
      await pair.flush()
      const startedMs = performance.now()
      const lines: Line[] = []
      for (const [type, make] of Object.entries(TYPES)) {
        const making = [`DEL ${keys.join(' ')}`, ...new Set(keys.map(make))].join('\n')
        lines.push(...parseScript(making), { ...line, text: `${line.text}, ${type}` })
      }
      t.equal((await pair.differences(lines, proto, true)).join('\n'), '', `${name}: replies`)
      t.equal((await pair.dataFaults(performance.now() - startedMs)).join('\n'), '', `${name}: data`)
    }
  })

  t.test(`a wrong number of arguments for every command, supported or not, RESP${proto}`, async (t) => {
    const lines = allRows().flatMap(({ name, arity }) => {
      if (/^client\|(setinfo|no-touch)$/.test(name) || /^dt\b/.test(name)) return []
      const words = name.split('|')
      const counts = arity > 0 ? [arity - 1, arity + 1] : [-arity - 1]
      return counts
        .filter((count) => count >= words.length)
        .map((count) => [...words, ...Array(count - words.length).fill('x')].join(' '))
    })
    t.ok(lines.length > 300)
    t.equal((await pair.differences(parseScript(lines.join('\n')), proto, true)).join('\n'), '')
  })

  t.test(`what is not supported says so, and what is refused says why, RESP${proto}`, async (t) => {
    const { ours, close } = await pair.connect(proto)
    const rows = allRows().filter(
      ({ route, subcommands }) => /unsupported|refused/.test(route) && subcommands === undefined,
    )
    t.ok(rows.length >= 10)
    for (const { name, arity, note, route } of rows) {
      const words = name.split('|')
      // A number, where one is wanted.
      const reply = await ours.ask(...words, ...Array(Math.max(0, Math.abs(arity) - words.length)).fill('1'))
      const says =
        route === 'unsupported'
          ? 'is not supported yet by this proxy'
          : `is refused by this proxy: ${note}; nothing was done`
      t.ok(reply.toString().startsWith(`-ERR '${name}' ${says}`), `${name}: ${reply}`)
    }
    close()
  })
}
