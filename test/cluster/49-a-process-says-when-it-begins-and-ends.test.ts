import t from 'tap'
import { version } from '../../src/base/version.js'
import { ServeProcess } from '../helpers/serve-process.js'

/* Who reads a log at night sees where a run of the proxy begins, and why it ended. */

t.test('a start and an orderly stop are lines of the log', async (t) => {
  const serve = await ServeProcess.start(t, { nodes: 1, sentinels: 1 }, { 'ring.replicas': '0' })
  const { pid } = serve.child
  await serve.stop()
  const lines = serve.output.split('\n').filter((line) => line.startsWith('{'))
  const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  t.match(told[0], { event: 'proxy-starts', version, runtime: process.version, pid })
  t.match(
    told.find(({ event }) => event === 'proxy-stops'),
    { version, why: 'SIGTERM', pid },
  )
  t.match(told.at(-1), { event: 'proxy-stopped', version, pid })
})
