import t from 'tap'
import { startSuccessor, successorArguments, whyNotFollowed } from '../src/successor.js'
import { LogLines } from './helpers/log-lines.js'

/* How a proxy starts the one that is to follow it; test/cluster/48 lets one follow. */

t.test('it is not followed where its end is the end of all', async (t) => {
  t.match(whyNotFollowed({}, 1), /container/)
  t.match(whyNotFollowed({ SYSTEMD_EXEC_PID: '7' }, 7), /systemd/)
  t.equal(whyNotFollowed({ SYSTEMD_EXEC_PID: '7' }, 8), undefined, 'a shell of a service of systemd has started it')
  const lines = new LogLines()
  t.notOk(await startSuccessor([], { SYSTEMD_EXEC_PID: String(process.pid) }, lines.log))
  t.match(lines.lines, [{ event: 'successor-failed', msg: /nothing was started, and this proxy goes on$/ }])
})

t.test('a process that the system does not start changes nothing', async (t) => {
  const lines = new LogLines()
  t.notOk(await startSuccessor([], { LARGE: 'x'.repeat(1_000_000) }, lines.log))
  t.match(lines.lines, [{ event: 'successor-failed', msg: /E2BIG; this proxy goes on$/ }])
})

t.test('what was said for one start alone is not said to it', async (t) => {
  const words = ['main.js', 'serve', '--config', 'dt.yaml']
  for (const once of ['--accept-epoch 7', '--accept-epoch=7', '--wipe', '--takeover', '--standby']) {
    t.same(successorArguments([...words, ...once.split(' ')]), [...words, '--standby'], once)
  }
})
