import t from 'tap'
import { simulate } from './simulate.js'

t.test('nothing is wrong in runs of many kinds', async (t) => {
  const { status, stdout, stderr } = simulate(['--seed', '600', '--runs', '250'])
  t.equal(status, 0, stdout)
  t.equal(stderr, '')
  t.match(stdout, /^250 runs .* 0 violations$/m)
})

t.test('nor where streams are trimmed as their masters like', async (t) => {
  for (const kinds of ['trim', 'trim,deadline,move']) {
    const { status, stdout } = simulate(['--seed', '6100', '--runs', '50', '--kinds', kinds])
    t.equal(status, 0, stdout)
    t.match(stdout, /^50 runs .* 0 violations$/m)
  }
})

t.test('nor where keys of several servers are read and written together: all of it is one step', async (t) => {
  for (const kinds of ['together', 'together,string,move,all']) {
    const { status, stdout } = simulate(['--seed', '8100', '--runs', '100', '--kinds', kinds])
    t.equal(status, 0, stdout)
    t.match(stdout, /^100 runs .* 0 violations$/m)
  }
})

t.test('nor where transactions are executed, of one tag and of several, by whichever way', async (t) => {
  for (const kinds of ['exec', 'exec,together,claim,move,set']) {
    const { status, stdout } = simulate(['--seed', '12100', '--runs', '80', '--kinds', kinds])
    t.equal(status, 0, stdout)
    t.match(stdout, /^80 runs .* 0 violations$/m)
  }
})

t.test('nor where members come and go, and connections break right behind the views that say so', async (t) => {
  for (const replicas of ['0', '1']) {
    const args = ['--seed', '4300', '--runs', '60', '--faults', 'views', '--replicas', replicas]
    const { status, stdout } = simulate(args)
    t.equal(status, 0, stdout)
    t.match(stdout, /^60 runs .* 0 violations$/m)
  }
})

t.test('nor where servers die and connections break right behind what empties databases', async (t) => {
  const { status, stdout } = simulate(['--seed', '9100', '--runs', '100', '--faults', 'sweeps', '--kinds', 'all'])
  t.equal(status, 0, stdout)
  t.match(stdout, /^100 runs .* 0 violations$/m)
})

t.test('the same seed is the same run, to the last byte', async (t) => {
  for (const seed of ['601', '602', '603']) {
    const [first, second] = [simulate(['--seed', seed, '--trace']), simulate(['--seed', seed, '--trace'])]
    t.match(first.stdout, /executes|reads/)
    t.equal(first.stdout, second.stdout)
  }
})
