import { Socket } from 'node:net'
import { type Reader, readingInto } from '../base/socket-reader.js'
import type { Frame } from '../resp/frame.js'
import { askedBy } from './asked.js'
import { restoreSettings } from './commands/settings/config-set.js'
import { Connection } from './connection.js'
import { dispatch } from './dispatch.js'
import { Doors } from './doors.js'
import { checkOpenFiles, isSpare, maxClients } from './max-clients.js'
import type { Peer } from './peer.js'
import { DENIED, isDenied, tellProtected } from './protected-mode.js'
import type { Server } from './server.js'

const MAX_CLIENTS_ERROR = '-ERR max number of clients reached\r\n'

/** All clients are read into one buffer: what it holds is consumed, or copied, before the next read. */
const sharedReadBuffer = Buffer.allocUnsafeSlow(64 * 1024)

/** Accepts clients. */
export class Listener {
  private readonly doors: Doors
  private nextId = 1
  private readonly dispatch = (client: Connection, frame: Frame) => dispatch(this.server, client, frame)
  private readonly askedBy = (client: Connection, frame: Frame) => askedBy(this.server, client, frame)

  constructor(private readonly server: Server) {
    server.coordinator.settings.restored = (own) => restoreSettings(server, own)
    this.doors = new Doors(
      (socket, peer) => this.accept(socket, peer),
      (error) => server.log.error({ err: error }, 'listener'),
    )
  }

  /**
   * Opens the configured addresses; gives the first, whose port the system chose if 0 was configured. Rejects with the
   * system's error, and when too few files may be open for a client.
   */
  async open(): Promise<{ host: string; port: number }> {
    const { server } = this
    checkOpenFiles(server)
    const address = await this.doors.openAll(server.config.listen)
    tellProtected(server)
    server.stats.start(server.clients)
    return address
  }

  /** Accepts nobody any more; resolves when all clients are gone. */
  close(): Promise<void> {
    this.server.stats.stop()
    return this.doors.close()
  }

  private accept(socket: Socket, peer: Peer): void {
    const { server } = this
    const refusal = this.refusal(socket, peer)
    if (refusal !== undefined) {
      server.stats.connectionsRejected++
      sendAway(socket, refusal)
      return
    }
    server.stats.connectionsAccepted++
    const { keepAliveSeconds } = server.config.listen
    if (keepAliveSeconds > 0) socket.setKeepAlive(true, keepAliveSeconds * 1000)
    let client: Connection | undefined
    const readable = readInto(sharedReadBuffer, socket, {
      receive: (buffer, size) => client!.receive(buffer, size),
      room: () => client?.room(),
      filled: (size) => client!.filled(size),
    })
    client = new Connection(this.nextId++, readable, peer, server, this.dispatch, this.askedBy)
    server.clients.add(client)
    readable.resume()
  }

  /** What a client is told that is not let in. */
  private refusal(socket: Socket, peer: Peer): string | undefined {
    const { server } = this
    if (server.clients.count >= maxClients(server) || isSpare(fileDescriptorOf(socket))) return MAX_CLIENTS_ERROR
    return isDenied(server, peer) ? DENIED : undefined
  }
}

/**
 * Tells a client that it is not let in, and closes the connection in this turn: hundreds may be accepted in one, and
 * when no file can be opened any more libuv closes those that wait without a word.
 */
function sendAway(socket: Socket, refusal: string): void {
  socket.on('error', () => {}) // Nothing is owed to it.
  socket.write(refusal)
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
