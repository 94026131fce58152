import t from 'tap'
import { parseOptions } from '../../bench/compare/options.js'
import { chooseRows, ROWS } from '../../bench/compare/rows.js'

const idsOf = (...args: string[]) => parseOptions(args).rows.map(({ id }) => id)

t.test('without options everything is measured, and becomes the results', async (t) => {
  const options = parseOptions([])
  t.match(options, { rounds: 5, complete: true, quick: false, soak: undefined, json: false })
  t.same(options.rows, ROWS)
  t.same(options.further.slice(0, 5), ['start', 'accept', 'refuse', 'idle', 'refuse-full'])
})

t.test('rows are chosen by name, by the beginning of it, by group, and stay in their order', async (t) => {
  t.same(idsOf('--rows', 'incr-p16,get-p1'), ['get-p1', 'incr-p16'])
  t.same(idsOf('--rows', 'lpush'), ['lpush-p1', 'lpush-p16'])
  t.same(idsOf('--rows', 'main'), ['get-p1', 'set-p1', 'get-p16', 'set-p16', 'get-p64', 'set-p64'])
  t.equal(idsOf('--rows', 'get').includes('mget-p1'), false)
  t.match(parseOptions(['--rows', 'get-p1,start']), { further: ['start'], complete: false })
})

t.test('a quick run has one short round of some rows, unless told otherwise', async (t) => {
  const quick = parseOptions(['--quick'])
  t.match(quick, { rounds: 1, seconds: 0.3, quick: true, complete: false })
  t.ok(quick.rows.length < ROWS.length)
  t.match(parseOptions(['--quick', '--rounds', '3']), { rounds: 3, seconds: 0.3 })
})

t.test('a soak is of a hundred million commands', async (t) => {
  t.equal(parseOptions(['--soak']).soak, 100_000_000)
  t.equal(parseOptions(['--soak', '--commands', '5e6']).soak, 5_000_000)
})

t.test('what is wrong is said in a sentence', async (t) => {
  t.throws(() => parseOptions(['--rows', 'gte']), { message: 'there is no row gte; --list names them' })
  t.throws(() => parseOptions(['--rounds', '0']), { message: '--rounds takes a number above 0' })
  t.throws(() => parseOptions(['--rounds', '1.5']), { message: '--rounds takes a whole number' })
  t.throws(() => parseOptions(['--seconds', '']), { message: '--seconds takes a number above 0' })
  t.throws(() => parseOptions(['--fast']), { message: /--fast/ })
})

t.test('rows have different names, and what only reads is measured with three copies alone', async (t) => {
  t.equal(new Set(ROWS.map(({ id }) => id)).size, ROWS.length)
  for (const { id, title, oneCopy, reads, drivers } of ROWS) {
    t.equal(oneCopy, /^M?SET/.test(title), id)
    if (/GET/.test(title)) t.ok(reads, `${id} finds keys that are there`)
    t.equal(Number(drivers.reduce((sum, { share }) => sum + share, 0).toFixed(9)), 1)
  }
  t.throws(() => chooseRows(['']), { message: /no row/ })
})
