import t from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { command } from '../helpers/raw-client.js'
import { exchange } from './exchange.js'

/* A proxy and a Redis with a password: what a client may do before it has logged in, and what it may send. */

const password = 'secret word'
/** An answer that is empty so often is none. */
const TRIES_MAX = 4
const redis = await startRedis(t, '--requirepass', password)
const proxy = await startProxy(t, { config: { auth: { password } } })

const PING = '*1\r\n$4\r\nPING\r\n'
const LOGIN = command('AUTH', password)
const array = (count: number) => command('PING', ...Array(count - 1).fill('x'))

const inputs: Record<string, readonly (string | Buffer)[]> = {
  'a command': ['GET k\r\n', 'SET k v\r\n', PING],
  'an unknown command': ['NOSUCH\r\n'],
  'the end of a transaction': ['MULTI\r\n', 'EXEC\r\n', 'DISCARD\r\n'],
  'a wrong number of arguments': ['GET\r\n', 'CLIENT SETNAME\r\n', 'CLIENT NOSUCH\r\n'],
  'commands that are not supported': ['BLPOP k 1\r\n', 'CONFIG SET a b\r\n'],
  'commands that need no login': ['HELLO\r\n', 'HELLO 3\r\n', 'HELLO 9\r\n', 'RESET\r\n', 'AUTH wrong\r\n'],
  'AUTH in its forms': ['AUTH\r\n', 'AUTH a b c\r\n', 'AUTH default wrong\r\n', 'AUTH nobody "secret word"\r\n'],
  QUIT: ['QUIT\r\n'],
  'the right password': [LOGIN, 'SET k v\r\n', 'GET k\r\n', PING],
  'the right password with the user': [command('AUTH', 'default', password), PING],
  'the right password and then a wrong one': [LOGIN, 'AUTH wrong\r\n', PING],
  'HELLO that logs in': [command('HELLO', '2', 'AUTH', 'default', password).subarray(0, -1), '\n', PING],
  'HELLO with a wrong password': [command('HELLO', '3', 'AUTH', 'default', 'wrong'), PING, 'GET k\r\n'],
  'HELLO with half a login': ['HELLO 3 AUTH default\r\n', PING],
  'RESET logs out': [LOGIN, PING, 'RESET\r\n', PING],
  'a pipeline that logs in': [Buffer.concat([Buffer.from(PING), LOGIN, Buffer.from(PING)])],

  'ten arguments': [array(10), PING],
  'eleven arguments': [array(11), PING],
  'a number of arguments that would wait': ['*1000\r\n'],
  'an argument of 16,384 bytes': [command('ECHO', 'x'.repeat(16384)), PING],
  'an argument of 16,385 bytes': [command('ECHO', 'x'.repeat(16385)), PING],
  'a length that would wait': ['*2\r\n$4\r\nECHO\r\n$16385\r\n'],
  'a large inline command': [`ECHO ${'x'.repeat(20000)}\r\n`],
  'an inline command of many words': [`PING${' x'.repeat(50)}\r\n`],
  'much, after the login': [LOGIN, command('ECHO', 'x'.repeat(20000)), command('DEL', ...Array(100).fill('k'))],
  'much, after the login in one packet': [Buffer.concat([LOGIN, array(11), command('ECHO', 'x'.repeat(20000))])],
  'a protocol error': ['*x\r\n'],
  'a POST': ['POST /\r\n'],
}

t.test('before the login a client gets what Redis gives it, and the same limits', async (t) => {
  for (const [what, pieces] of Object.entries(inputs)) {
    const [ours, theirs] = await Promise.all([heard(proxy.port, pieces), heard(redis.port, pieces)])
    t.same(ours, theirs, what)
  }
})

/** Who closes before it has read everything resets the connection, and its answer may be lost with it: it is asked again. */
async function heard(port: number, pieces: readonly (string | Buffer)[]) {
  for (let tries = 1; ; tries++) {
    const found = await exchange(port, pieces)
    if (found.answer !== '' || tries === TRIES_MAX) return found
  }
}

t.test('one client too many is told what Redis tells it', async (t) => {
  const small = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1, config: { limits: { maxClients: 2 } } })
  const other = await startRedis(t, '--maxclients', '2')
  const answers = await Promise.all(
    [small, other].map(async ({ port, connect }) => {
      await Promise.all([connect(), connect()])
      return exchange(port, ['PING\r\n'])
    }),
  )
  t.same(answers[0], answers[1])
  t.same(answers[0], { answer: '-ERR max number of clients reached\r\n', closedByServer: true })
})
