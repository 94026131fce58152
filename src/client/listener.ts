import { createServer, type Server as NetServer, Socket } from 'node:net'
import { type Reader, readingInto } from '../base/socket-reader.js'
import type { Frame } from '../resp/frame.js'
import { askedBy } from './asked.js'
import { KEEP_ALIVE_SECONDS } from './commands/own-settings.js'
import { restoreSettings } from './commands/settings/config-set.js'
import { Connection } from './connection.js'
import { dispatch } from './dispatch.js'
import { checkOpenFiles, isSpare, maxClients } from './max-clients.js'
import type { Server } from './server.js'

const MAX_CLIENTS_ERROR = '-ERR max number of clients reached\r\n'

/** All clients are read into one buffer: what it holds is consumed, or copied, before the next read. */
const sharedReadBuffer = Buffer.allocUnsafeSlow(64 * 1024)

/** Accepts clients on one address and port. */
export class Listener {
  private readonly net: NetServer
  private nextId = 1
  private readonly dispatch = (client: Connection, frame: Frame) => dispatch(this.server, client, frame)
  private readonly askedBy = (client: Connection, frame: Frame) => askedBy(this.server, client, frame)

  constructor(private readonly server: Server) {
    server.coordinator.settings.restored = (own) => restoreSettings(server, own)
    const keepAlive = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_SECONDS * 1000 }
    this.net = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true, ...keepAlive }, (socket) =>
      this.accept(socket),
    )
  }

  /**
   * Opens the configured port; gives the address, whose port the system chose if 0 was configured. Rejects with the
   * system's error, and when too few files may be open for a client.
   */
  async open(): Promise<{ host: string; port: number }> {
    checkOpenFiles(this.server)
    const { host, port, backlog } = this.server.config.listen
    return new Promise((resolve, reject) => {
      this.net.once('error', reject)
      this.net.listen({ host, port, backlog }, () => {
        this.net.removeListener('error', reject)
        this.net.on('error', (error) => this.server.log.error({ err: error }, 'listener'))
        this.server.stats.start(this.server.clients)
        const address = this.net.address()
        resolve({ host, port: typeof address === 'object' && address !== null ? address.port : port })
      })
    })
  }

  /** Accepts nobody any more; resolves when all clients are gone. */
  close(): Promise<void> {
    this.server.stats.stop()
    return new Promise((resolve) => {
      this.net.close(() => resolve())
    })
  }

  private accept(socket: Socket): void {
    const { server } = this
    if (server.clients.count >= maxClients(server) || isSpare(fileDescriptorOf(socket))) {
      server.stats.connectionsRejected++
      sendAway(socket)
      return
    }
    server.stats.connectionsAccepted++
    let client: Connection | undefined
    const readable = readInto(sharedReadBuffer, socket, {
      receive: (buffer, size) => client!.receive(buffer, size),
      room: () => client?.room(),
      filled: (size) => client!.filled(size),
    })
    client = new Connection(this.nextId++, readable, server, this.dispatch, this.askedBy)
    server.clients.add(client)
    readable.resume()
  }
}

/**
 * Tells a client that there are too many, and closes the connection in this turn: hundreds may be accepted in one, and
 * when no file can be opened any more libuv closes those that wait without a word.
 */
function sendAway(socket: Socket): void {
  socket.on('error', () => {}) // Nothing is owed to it.
  socket.write(MAX_CLIENTS_ERROR)
  socket.destroy()
}

/** -1 when it is not known. */
function fileDescriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle?: { fd?: number } | null })._handle?.fd ?? -1
}

/** The parts of an accepted socket that Node keeps to itself and `readInto` needs. */
interface AcceptedSocket {
  _handle: unknown
  _server: unknown
}

/**
 * Makes an accepted socket read into `buffer`, which saves an allocation a read [design §11 C]. Only sockets that
 * connect can be told so when they are made, so the accepted one's handle is put into a new socket. Where Node does
 * not have the handle in its place any more, the ordinary `data` event does the same with an allocation.
 */
export function readInto(buffer: Buffer, accepted: Socket, reader: Reader): Socket {
  const inner = accepted as unknown as AcceptedSocket
  if (inner._handle === null || typeof inner._handle !== 'object') {
    accepted.on('data', (chunk: Buffer) => {
      if (!reader.receive(chunk, chunk.length)) accepted.pause()
    })
    return accepted
  }
  const socket = new Socket({
    handle: inner._handle,
    allowHalfOpen: true,
    pauseOnCreate: true,
    readable: true,
    writable: true,
    onread: readingInto(buffer, reader),
  } as unknown as ConstructorParameters<typeof Socket>[0])
  // The server counts its connections by this field; the accepted socket must not close the handle.
  ;(socket as unknown as AcceptedSocket)._server = inner._server
  inner._handle = null
  inner._server = null
  return socket
}
