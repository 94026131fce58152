import t from 'tap'
import { CachedKeys } from '../../src/channels/cached-keys.js'
import { Clients } from '../../src/client/clients.js'
import { trackingCommands } from '../../src/client/commands/tracking.js'
import type { Connection } from '../../src/client/connection.js'
import type { Server } from '../../src/client/server.js'
import { Session } from '../../src/client/session.js'

t.test('who has gone before its turn in a transaction is not told of changed keys', (t) => {
  const server = { cachedKeys: new CachedKeys(10), clients: new Clients() } as unknown as Server
  const args = ['CLIENT', 'TRACKING', 'ON'].map((word) => Buffer.from(word))
  for (const closed of [true, false]) {
    const client = { closed, session: new Session(true) } as unknown as Connection
    trackingCommands['client|tracking'](client, args, server)
    t.equal(server.cachedKeys.any, !closed)
  }
  t.end()
})
