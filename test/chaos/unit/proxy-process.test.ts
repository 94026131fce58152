import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryDirectory } from '../../helpers/temporary-directory.js'
import { nowMs } from '../history.js'
import { ProxyProcess } from '../proxy-process.js'

t.test('an owner that gives up is not to be blamed for the connections that it ends then, and only then', async (t) => {
  const logFile = join(temporaryDirectory(t), 'log')
  writeFileSync(logFile, '{"event":"link-up"}\n')
  const proxy = new ProxyProcess({ port: 1, configFile: '', logFile, cwd: '.' }, () => {})
  t.notOk(proxy.unharmedSince(nowMs()), 'it does not run')
  proxy.absolve()
  t.ok(proxy.unharmedSince(nowMs() + 1))
  appendFileSync(logFile, '{"event":"given-up"}\n')
  t.notOk(proxy.unharmedSince(nowMs() - 60_000), 'who has waited for long')
  t.notOk(proxy.unharmedSince(nowMs() + 1), 'who came in this moment')
  t.ok(proxy.unharmedSince(nowMs() + 10_000), 'who comes later')
})
