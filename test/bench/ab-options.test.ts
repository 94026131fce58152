import t from 'tap'
import { parseOptions } from '../../bench/ab/options.js'

t.test('two builds are compared in the rows of the main table, unless others are named', async (t) => {
  const { rows, copies, rounds, seconds } = parseOptions(['--base', '/elsewhere'])!
  t.same(
    rows.map(({ id }) => id),
    ['get-p1', 'set-p1', 'get-p16', 'set-p16', 'get-p64', 'set-p64'],
  )
  t.same([copies, rounds, seconds], [[1, 3], 10, 0.7])
  const chosen = parseOptions([
    '--base',
    'x',
    '--rows',
    'get-p16,set-p64',
    '--copies',
    '3',
    '--rounds',
    '4',
    '--seconds',
    '2',
  ])!
  t.same([chosen.rows.map(({ id }) => id), chosen.copies, chosen.rounds], [['get-p16', 'set-p64'], [3], 4])
  t.equal(chosen.large, false)
  t.equal(parseOptions(['--base', 'x', '--large'])!.large, true)
  t.equal(parseOptions(['--help']), undefined)
})

t.test('what cannot be understood is refused with a sentence', async (t) => {
  t.throws(() => parseOptions([]), /--base says which/)
  t.throws(() => parseOptions(['--base', 'x', '--copies', '1.5']), /--copies takes whole numbers/)
  t.throws(() => parseOptions(['--base', 'x', '--seconds', '0']), /--seconds takes numbers above 0/)
  t.throws(() => parseOptions(['--base', 'x', '--rows', 'none']), /there is no row none/)
})
