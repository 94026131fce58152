/*
 * Runs each compiled test named as a process of its own, with tap; what it says is TAP, as `tap --reporter=tap` says it. The command
 * `tap` itself would load its compiler and its mocks into each of them first, which takes two seconds of a processor a file, and
 * our tests are compiled and mock no modules.
 */
import t from 'tap'

/** How many at a time. More would keep the processors busier, but stories that go by clocks need some room. */
const JOBS = 2
const TIMEOUT_S = 600

t.jobs = JOBS
t.setTimeout(0)
for (const file of process.argv.slice(2)) {
  t.spawn(process.execPath, ['--enable-source-maps', file], {
    name: file,
    externalID: file,
    at: null,
    stack: '',
    buffered: true,
    timeout: TIMEOUT_S * 1000,
    stdio: ['ignore', 'pipe', 'inherit'],
    // Of the stories inside.
    env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT_S) },
  })
}
