import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runSimulate } from '../../src/simulate/run-simulate.js'

async function simulate(...argv: string[]): Promise<{ code: number; text: string }> {
  let text = ''
  const code = await runSimulate(argv, { write: (part) => (text += part) })
  return { code, text }
}

const small = ['join', '--nodes', '2,4', '--keys', '100..200', '--seeds', '3']

t.test('the table stands beside K/N and explains itself', async (t) => {
  const { code, text } = await simulate(...small)
  t.equal(code, 0)
  t.equal(
    text,
    `A node joins a ring of N nodes with 64 virtual nodes each, 3 rings

          keys that change hands                        copies, r = 2
N    K      K/N  mean  median  5 %  25 %  75 %  95 %    (r+1)K/N   mean
2  100     50.0  34.0      36   30    33    37    37       100.0  100.0
2  200    100.0  65.0      65   61    63    67    69       200.0  200.0
4  100     25.0  20.0      21   17    19    22    23        75.0   62.0
4  200     50.0  34.3      36   32    34    36    36       150.0  126.0

Keys that change hands: their master is another node after the join. K/N is the
order that Chord promises; the mean approaches K/(N+1), one part of N+1.
Copies: those, on masters and backups, that a node holds after the join and did
not hold before. Mean, median and percentiles are over the rings.
`,
  )
})

t.test('every number of virtual nodes has a table of its own', async (t) => {
  const { text } = await simulate(...small, '--vnodes', '1,8')
  t.match(text, 'with 1 virtual node each (plain Chord), 3 rings')
  t.match(text, 'with 8 virtual nodes each, 3 rings')
  t.equal(text.match(/^[24] .*/gm)?.length, 8)
})

t.test('with --json the results are JSON', async (t) => {
  const { code, text } = await simulate(...small, '--json', '--replicas', '1')
  t.equal(code, 0)
  const parsed = JSON.parse(text)
  t.match(parsed, { nodes: [2, 4], keys: [100, 200], virtualNodes: [64], replicas: 1, seeds: 3 })
  t.strictSame(
    parsed.results.map(({ nodes, keys, ideal }: Record<string, number>) => [nodes, keys, ideal]),
    [
      [2, 100, 50],
      [2, 200, 100],
      [4, 100, 25],
      [4, 200, 50],
    ],
  )
  t.strictSame(Object.keys(parsed.results[0].keysChangingHands), [
    'min',
    'p5',
    'p25',
    'median',
    'p75',
    'p95',
    'max',
    'mean',
  ])
})

t.test('lists are numbers and ranges, with the beginning or what follows the slash as the step', async (t) => {
  const keysOf = async (list: string) =>
    JSON.parse((await simulate('join', '--nodes', '2', '--seeds', '1', '--json', '--keys', list)).text).keys
  t.strictSame(await keysOf('10..50'), [10, 20, 30, 40, 50])
  t.strictSame(await keysOf('10..25/5'), [10, 15, 20, 25])
  t.strictSame(await keysOf('30,7,10..30'), [7, 10, 20, 30])
})

t.test('with --svg there is a figure with a box for each result', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'dt-simulate-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'join.svg')
  const { code } = await simulate(...small, '--vnodes', '1,8', '--svg', file)
  t.equal(code, 0)
  const figure = readFileSync(file, 'utf8')
  t.match(figure, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 \d+ \d+"/)
  t.match(figure, 'prefers-color-scheme:dark')
  t.notMatch(figure, /NaN|Infinity|undefined/)
  const inPanels = figure.slice(figure.indexOf('N = 2'))
  for (const series of ['s0', 's1']) t.equal(inPanels.match(new RegExp(`"${series} box"`, 'g'))?.length, 4)
  t.equal(figure.match(/<polyline class="ideal"/g)?.length, 2)
})

t.test('a figure of a ring on which nothing moves is still a figure', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'dt-simulate-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'join.svg')
  t.equal(
    (await simulate('join', '--nodes', '400', '--keys', '1', '--seeds', '1', '--vnodes', '1', '--svg', file)).code,
    0,
  )
  t.notMatch(readFileSync(file, 'utf8'), /NaN|Infinity|undefined/)
})

const losses = ['loss', '--nodes', '6', '--seeds', '3', '--orders', '10']

t.test('losses stand beside those of a Redis Cluster', async (t) => {
  const { code, text } = await simulate(...losses)
  t.equal(code, 0)
  t.match(text, 'f of N = 6 servers fail at once, 3 copies of each key\n')
  t.match(text, /^ +DT, 1 virtual node +DT, 64 virtual nodes +Redis Cluster$/m)
  t.match(text, /^ +6 copysets +20 copysets +2 copysets$/m)
  // Of the 20 ways in which three of six fail, two take a whole shard, which is half of the keys.
  t.match(text, /^ {3}3 .* 10\.00 % +50\.00 %$/m)
  t.ok(text.split('\n').every((line) => line.length <= 82))
})

t.test('losses come as JSON and as a figure, too', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'dt-simulate-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'loss.svg')
  const { code, text } = await simulate(...losses, '--json', '--svg', file)
  t.equal(code, 0)
  const parsed = JSON.parse(text)
  t.match(parsed, { nodes: [6], virtualNodes: [1, 64], replicas: 2, seeds: 3, orders: 10 })
  t.same(
    parsed.results.map(({ probability }: { probability: number[] }) => probability.length),
    [7, 7, 7],
  )
  const figure = readFileSync(file, 'utf8')
  t.match(figure, 'prefers-color-scheme:dark')
  t.notMatch(figure, /NaN|Infinity|undefined/)
  t.equal(figure.match(/<polyline /g)?.length, 6)
})

t.test('a file that cannot be written is said in one sentence', async (t) => {
  await t.rejects(simulate(...small, '--svg', '/nowhere/join.svg'), {
    name: 'UserError',
    message: /^the figure cannot be written: ENOENT[^\n]*$/,
  })
})

t.test('wrong arguments are named', async (t) => {
  const wrong: [string[], string][] = [
    [[], 'there is nothing to simulate'],
    [['leave'], "there is no 'leave' to simulate"],
    [['join', '--nodes', '0'], "--nodes takes numbers from 1 to 10000, not '0'"],
    [['join', '--nodes', '1,,2'], "--nodes takes numbers from 1 to 10000, not ''"],
    [['join', '--keys', 'many'], "--keys takes numbers from 1 to 10000000, not 'many'"],
    [['join', '--keys', '20..10'], "--keys takes numbers from 20 to 10000000, not '10'"],
    [['join', '--keys', '1..10/0'], "--keys takes numbers from 1 to 10000000, not '0'"],
    [['join', '--keys', '1..5000'], '--keys takes at most 1000 numbers'],
    [['join', '--vnodes', '1,2,4,8,16'], '--vnodes takes at most 4 numbers'],
    [['join', '--replicas', '-1'], "option '--replicas' argument is ambiguous"],
    [['join', '--seeds', '1.5'], "--seeds takes numbers from 1 to 1000000, not '1.5'"],
    [['join', '--colour'], "unknown option '--colour'"],
    [['join', '--orders', '5'], "--orders is for 'loss', not 'join'"],
    [['loss', '--keys', '5'], "--keys is for 'join', not 'loss'"],
    [['loss', '--nodes', '9,10'], 'no Redis Cluster with 2 replicas of each master has 10 servers'],
    [['loss', '--nodes', '2'], "--nodes takes numbers from 3 to 500, not '2'"],
    [['loss', '--vnodes', '1,2,4,8'], '--vnodes takes at most 3 numbers'],
    [['join', '--svg'], "option '--svg <value>' argument missing"],
  ]
  for (const [argv, message] of wrong) {
    await t.rejects(simulate(...argv), { name: 'UsageError', message }, argv.join(' '))
  }
})
