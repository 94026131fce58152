import t from 'tap'
import { DEFECTS, nodeArgsOf } from './defects/defects.js'
import { simulate } from './simulate.js'

/** A defect is found within this time, whatever else the machine does. */
const DEFECT_SECONDS = '40'

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
