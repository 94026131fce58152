import t from 'tap'
import { probe } from '../../src/membership/probe.js'
import { ScriptedServer } from '../helpers/scripted-server.js'

t.test('a server that logs in, and then says nothing, keeps nobody waiting who wants to add it', async (t) => {
  const server = await ScriptedServer.start(t, ([name]) => (name === 'HELLO' ? undefined : ''))
  const startMs = performance.now()
  await t.rejects(probe({ host: '127.0.0.1', port: server.port }), {
    name: 'UserError',
    message: `it cannot be reached: 127.0.0.1:${server.port}: it timed out: no answer to INFO within 2000 ms`,
  })
  t.ok(performance.now() - startMs < 10_000)
})
