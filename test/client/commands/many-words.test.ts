import t from 'tap'
import { rowNamed } from '../../../src/command/table.js'
import { startProxy } from '../../helpers/proxy.js'

/*
 * Commands that are answered here, or by one member for all, and of which each word costs as much as a small command: with a hundred
 * thousand of them in one command everybody else would wait for seconds.
 */

const WORDS = 20_000
const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1 })

const MANY: readonly (readonly [start: string, word: string])[] = [
  ['COMMAND INFO', 'config'],
  ['COMMAND DOCS', 'client'],
  ['CONFIG GET', '*a*'],
  ['CLIENT LIST ID', '1'],
  ['CLIENT KILL', 'ID'],
  ['INFO', 'everything'],
  ['LATENCY RESET', 'command'],
  ['LATENCY HISTOGRAM', 'get'],
  ['DT VERIFY', '--repair'],
  ['DT PLAN ADD', 'x'],
]

t.test('they are refused, with what they may have', async (t) => {
  const client = await proxy.connect()
  for (const [start, word] of MANY) {
    const words = [...start.split(' '), ...new Array<string>(WORDS).fill(word)]
    const reply = String(await client.ask(...words))
    const [name, sub] = start.toLowerCase().split(' ')
    const row = rowNamed(`${name}|${sub}`) ?? rowNamed(name)!
    t.equal(reply, `-ERR '${row.name}' may have 1000 words at most with this proxy; ask for less at a time\r\n`)
  }
  t.equal(String(await client.ask('MULTI')), '+OK\r\n')
  t.match(
    String(await client.ask('COMMAND', 'INFO', ...new Array<string>(WORDS).fill('get'))),
    /^-ERR 'command\|info' may/,
  )
  t.match(String(await client.ask('EXEC')), /^-EXECABORT/)
})

t.test('all names that there are are not too many', async (t) => {
  const client = await proxy.connect()
  const names = String(await client.ask('COMMAND', 'LIST'))
    .split('\r\n')
    .filter((line) => /^[a-z]/.test(line))
  t.ok(names.length > 300 && names.length < 900)
  t.match(String(await client.ask('COMMAND', 'INFO', ...names)), new RegExp(`^\\*${names.length}\r\n`))
})
