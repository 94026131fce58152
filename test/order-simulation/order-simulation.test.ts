import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { DEFECTS, nodeArgsOf } from './defects/defects.js'

/*
 * The simulation is run in processes of its own, whose clock is the simulation's. See README.md here.
 */

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url))
/** A defect is found within this time, whatever else the machine does. */
const DEFECT_SECONDS = '40'

function simulate(args: readonly string[], nodeArgs: readonly string[] = []) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, MAIN, ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

t.test('nothing is wrong in runs of many kinds', async (t) => {
  const { status, stdout, stderr } = simulate(['--seed', '600', '--runs', '700'])
  t.equal(status, 0, stdout)
  t.equal(stderr, '')
  t.match(stdout, /^700 runs .* 0 violations$/m)
})

t.test('nor where streams are trimmed as their masters like', async (t) => {
  for (const kinds of ['trim', 'trim,deadline,move']) {
    const { status, stdout } = simulate(['--seed', '6100', '--runs', '150', '--kinds', kinds])
    t.equal(status, 0, stdout)
    t.match(stdout, /^150 runs .* 0 violations$/m)
  }
})

t.test('nor where keys of several servers are read and written together: all of it is one step', async (t) => {
  for (const kinds of ['together', 'together,string,move,all']) {
    const { status, stdout } = simulate(['--seed', '8100', '--runs', '300', '--kinds', kinds])
    t.equal(status, 0, stdout)
    t.match(stdout, /^300 runs .* 0 violations$/m)
  }
})

t.test('nor where transactions are executed, of one tag and of several, by whichever way', async (t) => {
  for (const kinds of ['exec', 'exec,together,claim,move,set']) {
    const { status, stdout } = simulate(['--seed', '12100', '--runs', '250', '--kinds', kinds])
    t.equal(status, 0, stdout)
    t.match(stdout, /^250 runs .* 0 violations$/m)
  }
})

t.test('nor where members come and go, and connections break right behind the views that say so', async (t) => {
  for (const replicas of ['0', '1']) {
    const args = ['--seed', '4300', '--runs', '200', '--faults', 'views', '--replicas', replicas]
    const { status, stdout } = simulate(args)
    t.equal(status, 0, stdout)
    t.match(stdout, /^200 runs .* 0 violations$/m)
  }
})

t.test('nor where servers die and connections break right behind what empties databases', async (t) => {
  const { status, stdout } = simulate(['--seed', '9100', '--runs', '300', '--faults', 'sweeps', '--kinds', 'all'])
  t.equal(status, 0, stdout)
  t.match(stdout, /^300 runs .* 0 violations$/m)
})

t.test('the same seed is the same run, to the last byte', async (t) => {
  for (const seed of ['601', '602', '603']) {
    const [first, second] = [simulate(['--seed', seed, '--trace']), simulate(['--seed', seed, '--trace'])]
    t.match(first.stdout, /executes|reads/)
    t.equal(first.stdout, second.stdout)
  }
})

t.test('every deliberate defect is found', async (t) => {
  for (const [name, { summary, seed, options = [] }] of Object.entries(DEFECTS)) {
    const args = ['--seed', String(seed), '--seconds', DEFECT_SECONDS, '--brief', ...options]
    const { status, stdout } = simulate(args, nodeArgsOf(name))
    t.equal(status, 1, `${name}: ${summary}\n${stdout}`)
    t.match(stdout, /VIOLATION/)
  }
})

t.test('what is found is told in a few steps, with the command that shows it again', async (t) => {
  const { status, stdout } = simulate(
    ['--seed', String(DEFECTS['doubts-forgotten'].seed), '--seconds', DEFECT_SECONDS],
    nodeArgsOf('doubts-forgotten'),
  )
  t.equal(status, 1)
  const [, shortest, all] = /(\d+) of (\d+) actions/.exec(stdout) ?? []
  t.ok(Number(shortest) < Number(all) / 4, stdout)
  t.match(stdout, /client \d sends/)
  t.match(stdout, /VIOLATION \(replicas\)/)
  t.match(stdout, /npm run simulate:order -- --seed \d+ --runs 1$/m)
})
