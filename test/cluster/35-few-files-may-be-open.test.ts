import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { keysAt } from '../helpers/ring-state.js'
import { run } from '../helpers/run.js'
import { MAIN, ServeProcess } from '../helpers/serve-process.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'

/** Node opens more than 200 at once while it loads the proxy. */
const OPEN_FILES = 300
const CLIENTS = 350
const MEMBER = 'dt-2'

interface Client {
  readonly socket: Socket
  received: string
  closed: boolean
}

/** A client that says nothing of itself. */
function open(port: number): Client {
  const client: Client = { socket: connect({ host: '127.0.0.1', port }), received: '', closed: false }
  client.socket.setEncoding('latin1')
  client.socket.on('data', (text: string) => (client.received += text))
  client.socket.on('error', (error) => (client.received += `(${error.message})`))
  client.socket.on('close', () => (client.closed = true))
  return client
}

async function reply(client: Client, command: string): Promise<string> {
  client.received = ''
  client.socket.write(`${command}\r\n`)
  await once(client.socket, 'data')
  return client.received
}

t.test('where few files may be open, clients leave enough of them for the members and the state file', async (t) => {
  const stateFile = join(temporaryDirectory(t), 'state.json')
  const serve = await ServeProcess.start(t, { nodes: 4 }, { 'ring.stateFile': stateFile }, [], OPEN_FILES)
  const watcher = await serve.connect()
  const setting = String(await watcher.ask('CONFIG', 'GET', 'maxclients'))
  const max = Number(/maxclients\r\n\$\d+\r\n(\d+)/.exec(setting)?.[1])
  t.ok(max > OPEN_FILES / 3 && max < OPEN_FILES - 50, `${max} clients`)
  t.match(String(await watcher.ask('INFO', 'clients')), `\r\nmaxclients:${max}\r\n`)
  const warning = `at most ${max} clients, not 10000: this process may have ${OPEN_FILES} files open (ulimit -n)`
  t.match(serve.output, warning)
  const [key] = await keysAt(watcher, MEMBER, 0, 1)

  const clients = Array.from({ length: CLIENTS }, () => open(serve.port))
  t.teardown(() => {
    for (const { socket } of clients) socket.destroy()
  })
  await until('one is told so for each that is too many', () => {
    return clients.filter(({ closed }) => closed).length === CLIENTS - (max - 1)
  })
  const [away, accepted] = [clients.filter(({ closed }) => closed), clients.filter(({ closed }) => !closed)]
  t.same(new Set(away.map(({ received }) => received)), new Set(['-ERR max number of clients reached\r\n']))
  for (const [i, client] of accepted.entries()) {
    t.equal(await reply(client, `SET client:${i} ${i}`), '+OK\r\n')
    t.equal(await reply(client, `GET client:${i}`), `$${String(i).length}\r\n${i}\r\n`)
  }
  t.match(String(await watcher.ask('INFO', 'stats')), `\r\nrejected_connections:${CLIENTS - (max - 1)}\r\n`)

  const before = readFileSync(stateFile, 'utf8')
  await serve.ring.server(MEMBER).kill()
  await until('it is missed', () => serve.output.includes(`${MEMBER} is suspect`))
  await serve.ring.server(MEMBER).start()
  await until('it is connected again', () => serve.output.includes(`${MEMBER} is up again`))
  t.equal(await reply(accepted[0], `INCR ${key}`), ':1\r\n')
  await until('the later view is in the state file', () => readFileSync(stateFile, 'utf8') !== before)
  t.notMatch(serve.output, 'EMFILE')

  accepted[0].socket.destroy()
  await until('there is room for one again', async () => {
    const client = open(serve.port)
    clients.push(client)
    return (await reply(client, 'PING')) === '+PONG\r\n'
  })
})

t.test('where no client could be accepted the proxy does not start, and says what to do', async (t) => {
  const sentinels = Array.from({ length: 80 }, (_, i) => `127.0.0.1:${i + 1}`).join(',')
  const limited = `export DT_SENTINEL_ADDRESSES=${sentinels}; ulimit -n 300; exec "$@"`
  const { code, stderr } = await run('sh', ['-c', limited, 'sh', process.execPath, MAIN, 'serve'])
  t.equal(code, 1)
  t.match(stderr, /no client could be accepted: this process may have 300 files open .*ulimit -n 10\d\d\d/)
})
