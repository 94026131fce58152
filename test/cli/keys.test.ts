import t from 'tap'
import { hotkeys } from '../../src/cli/keys.js'
import { ScriptedServer } from '../helpers/scripted-server.js'

t.test('dt hotkeys for an hour asks for no more than an hour', async (t) => {
  const server = await ScriptedServer.start(t, ([name]) => (name === 'DT' ? '-ERR no\r\n' : undefined))
  const out = { isTTY: false, columns: 80, hasColors: () => false, write: () => {} }
  await t.rejects(hotkeys(['--seconds', '3600', '--proxy', `127.0.0.1:${server.port}`], out))
  t.strictSame(server.commands('DT').slice(0, 1), ['DT HOTKEYS START SAMPLE 10 SECONDS 3600'])
})
