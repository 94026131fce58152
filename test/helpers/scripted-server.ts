import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Teardown } from './proxy.js'
import { itemsOf, readReply, replyEnd, textOf } from './raw-reply.js'

/** What the server sends for a command: bytes, nothing, or whatever the function itself does with the connection. */
export type Script = (args: string[], socket: Socket) => string | Buffer | undefined

/**
 * A server that speaks RESP and says exactly what a test wants: for backends that misbehave.
 *
 *     const server = await ScriptedServer.start(t, (args) => (args[0] === 'GET' ? '$-1\r\n' : undefined))
 *
 * What the script does not answer, a link's handshake that is, is answered as a healthy master would.
 */
export class ScriptedServer {
  /** Every command that came, in the order of arrival, on whatever connection. */
  readonly received: string[][] = []
  readonly connections: Socket[] = []
  /** What INFO says beside what a healthy master says. */
  info: Record<string, string> = {}
  /** Called for each new connection, before anything was read. */
  onConnection: (socket: Socket) => void = () => {}

  private constructor(
    private readonly net: Server,
    public script: Script,
  ) {
    net.on('connection', (socket) => this.serve(socket))
  }

  static async start(t: Teardown, script: Script = () => undefined): Promise<ScriptedServer> {
    const net = createServer({ noDelay: true }).listen(0, '127.0.0.1')
    await once(net, 'listening')
    const server = new ScriptedServer(net, script)
    t.teardown(() => server.stop())
    return server
  }

  get port(): number {
    return (this.net.address() as AddressInfo).port
  }

  /** The connection that came last. */
  get connection(): Socket {
    return this.connections[this.connections.length - 1]
  }

  /** The commands that came, of one name, as texts. */
  commands(name: string): string[] {
    return this.received.filter(([first]) => first === name).map((args) => args.join(' '))
  }

  stop(): void {
    for (const socket of this.connections) socket.destroy()
    this.net.close()
  }

  private serve(socket: Socket): void {
    this.connections.push(socket)
    socket.on('error', () => {})
    this.onConnection(socket)
    let pending: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      for (let end = replyEnd(pending, 0); pending.length > 0 && end > 0; end = replyEnd(pending, 0)) {
        const args = itemsOf(readReply(pending.subarray(0, end))).map(textOf)
        pending = pending.subarray(end)
        this.received.push(args)
        const reply = this.script(args, socket) ?? this.healthy(args)
        if (!socket.destroyed) socket.write(reply)
      }
    })
  }

  private healthy([name, sub]: string[]): string {
    switch (`${name} ${sub}`) {
      case 'HELLO 3':
        return '%1\r\n$5\r\nproto\r\n:3\r\n'
      case 'CLIENT ID':
        return `:${this.connections.length}\r\n`
      case 'CLIENT LIST':
        return verbatim('')
      case 'CLIENT KILL':
        return ':1\r\n'
      case 'CONFIG GET':
        return '%0\r\n'
      case 'FUNCTION LIST':
        return '*0\r\n'
    }
    if (name === 'PSUBSCRIBE') return `>3\r\n${bulk('psubscribe')}${bulk(sub)}:1\r\n`
    if (name === 'TIME') {
      const now = Date.now()
      return `*2\r\n${bulk(String(Math.floor(now / 1000)))}${bulk(String((now % 1000) * 1000))}`
    }
    if (name === 'INFO') {
      const fields = { role: 'master', loading: '0', run_id: 'a'.repeat(40), redis_version: '7.0.15', ...this.info }
      const lines = Object.entries(fields).map(([field, value]) => `${field}:${value}\r\n`)
      return verbatim(`# Server\r\n${lines.join('')}`)
    }
    return '+OK\r\n'
  }
}

export function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`
}

export function verbatim(text: string): string {
  return `=${Buffer.byteLength(text) + 4}\r\ntxt:${text}\r\n`
}
