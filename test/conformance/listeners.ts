import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pair } from './pair.js'

/** Long enough for what Redis may still send; the proxy may take up to `LATE_MS`. */
const SOON_MS = 4
const LATE_MS = 3000
/** Nearly every line is answered; what others are told comes with that. */
const ANSWER_MS = 200

class Listener {
  received = ''
  /** The client's id. */
  id = ''

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1')
    })
    socket.on('close', () => {
      this.received += '<closed>'
    })
    socket.on('error', () => {})
  }

  static async connect(port: number): Promise<Listener> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    const listener = new Listener(socket)
    listener.send('CLIENT ID')
    await once(socket, 'data')
    listener.id = listener.received.trim().slice(1)
    listener.received = ''
    return listener
  }

  send(commands: string): void {
    this.socket.write(commands.replaceAll(' | ', '\r\n').concat('\r\n'))
  }

  get shown(): string {
    return this.received
      .replace(/^\+\d{10}\.\d{6} (\[\d+ 127\.0\.0\.1:)\d{4,5}\] /gm, '+time $1port] ')
      .replace(/\*6\r\n:\d+\r\n:\d{10}\r\n:\d+\r\n/g, '*6\r\n:id\r\n:time\r\n:us\r\n')
      .replace(/\$1[45]\r\n127\.0\.0\.1:\d{4,5}\r\n/g, '$n\r\n127.0.0.1:port\r\n')
      .replace(/(\$2\r\nid\r\n|\$8\r\nredirect\r\n|redir-broken\r\n):[1-9]\d*/g, '$1:0')
  }

  close(): void {
    this.socket.destroy()
  }
}

/**
 * Runs the lines of a script: a name, a colon and a command (or several, which are sent in one write, between bars). Gives a sentence
 * when a client has not received the same bytes from the proxy as from Redis. `{name}` is the id of that client.
 */
export async function isSame(pair: Pair, script: string): Promise<string> {
  const clients = new Map<string, { readonly ours: Listener; readonly theirs: Listener }>()
  const lines = script
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  try {
    for (const line of lines) {
      const [, name, commands] = /^(\w+): (.*)$/.exec(line)!
      let client = clients.get(name)
      if (client === undefined) {
        const [ours, theirs] = await Promise.all([Listener.connect(pair.proxy.port), Listener.connect(pair.redisPort)])
        clients.set(name, (client = { ours, theirs }))
      }
      const all = [...clients]
      const before = [client.ours.received.length, client.theirs.received.length]
      client.theirs.send(withIds(commands, all, ({ theirs }) => theirs.id))
      client.ours.send(withIds(commands, all, ({ ours }) => ours.id))
      const differs = () => all.find(([, { ours, theirs }]) => ours.shown !== theirs.shown)
      const { ours: one, theirs: other } = client
      const isAnswered = () => one.received.length > before[0] && other.received.length > before[1]
      for (let waited = 0; !isAnswered() && waited < ANSWER_MS; waited += 1) await sleep(1)
      await sleep(SOON_MS)
      for (let waited = 0; differs() !== undefined && waited < LATE_MS; waited += SOON_MS) await sleep(SOON_MS)
      const [who, { ours, theirs }] = differs() ?? ['', client]
      if (who !== '') {
        const show = (text: string) => JSON.stringify(text.slice(-600))
        return `${line}\n  ${who} of dt    ${show(ours.shown)}\n  ${who} of redis ${show(theirs.shown)}`
      }
    }
    return ''
  } finally {
    for (const { ours, theirs } of clients.values()) {
      ours.close()
      theirs.close()
    }
  }
}

type Both = { readonly ours: Listener; readonly theirs: Listener }

function withIds(
  commands: string,
  clients: readonly (readonly [string, Both])[],
  idOf: (both: Both) => string,
): string {
  return clients.reduce((text, [name, both]) => text.replaceAll(`{${name}}`, idOf(both)), commands)
}
