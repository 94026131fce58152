import t from 'tap'
import { passedSockets, passedVariables } from '../../src/base/passed-sockets.js'

t.test('sockets are found as they were passed, by whom they were meant for', async (t) => {
  const sockets = [
    { fd: 3, name: 'clients' },
    { fd: 4, name: 'tls' },
  ]
  t.same(passedSockets(passedVariables(sockets), 7), sockets)
  t.same(passedSockets({ LISTEN_FDS: '2', LISTEN_FDNAMES: 'clients:tls', LISTEN_PID: '7' }, 7), sockets)
  t.same(passedSockets({ LISTEN_FDS: '2', LISTEN_PID: '8' }, 7), [])
  t.same(passedSockets({ LISTEN_FDS: '1' }, 7), [{ fd: 3, name: '' }])
  for (const env of [{}, { LISTEN_FDS: '0' }, { LISTEN_FDS: 'x' }]) t.same(passedSockets(env, 7), [])
})
