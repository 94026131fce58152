import t from 'tap'
import { silentLogger } from '../../src/base/log.js'
import { checkOpenFiles, isSpare, maxClients, openFilesMax } from '../../src/client/max-clients.js'
import type { Server } from '../../src/client/server.js'
import { loadConfig } from '../../src/config/config.js'

/** As much of a server as is looked at: its settings and so many links. */
function serverOf(clients: number, members: number, sentinels: readonly string[] = ['a:1', 'b:1', 'c:1']): Server {
  const overrides = { limits: { maxClients: clients }, sentinel: { addresses: sentinels.join(',') } }
  const links = { all: () => Array.from({ length: members }) }
  return { config: loadConfig({ env: {}, overrides }), links, log: silentLogger() } as unknown as Server
}

t.test('clients get what members, Sentinels and the process leave, and no more than the settings say', async (t) => {
  t.equal(maxClients(serverOf(10_000, 0), 1024), 940)
  t.equal(maxClients(serverOf(10_000, 16), 1024), 940, 'members may come')
  t.equal(maxClients(serverOf(10_000, 50), 1024), 872)
  t.equal(maxClients(serverOf(10_000, 4, ['a:1']), 1024), 948)
  t.equal(maxClients(serverOf(900, 4), 1024), 900)
  t.equal(maxClients(serverOf(10_000, 4), Number.POSITIVE_INFINITY), 10_000, 'where the system does not tell')
})

t.test('the last descriptors are not for clients', async (t) => {
  t.equal(isSpare(-1), false, 'one that is not known')
  t.equal(isSpare(openFilesMax - 17), false)
  t.equal(isSpare(openFilesMax - 16), true)
})

t.test('a limit that leaves no client is refused at the start', async (t) => {
  checkOpenFiles(serverOf(10_000, 4), 85)
  t.throws(() => checkOpenFiles(serverOf(10_000, 4), 84), { name: 'UserError', message: /\(ulimit -n 10084\)/ })
})
