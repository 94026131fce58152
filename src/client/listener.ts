import { randomInt } from 'node:crypto'
import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { PassedSocket } from '../base/passed-sockets.js'
import { type Reader, readingInto } from '../base/socket-reader.js'
import { UserError } from '../base/user-error.js'
import { inSubnets } from '../config/subnets.js'
import type { Frame } from '../resp/frame.js'
import { receive } from '../tls/accept.js'
import { RefusedLog } from '../tls/refused-log.js'
import { AnnouncedReader } from './announced.js'
import { logInByCertificate } from './certificate-user.js'
import type { ClientSocket } from './client-socket.js'
import { restoreSettings } from './commands/settings/config-set.js'
import { Connection } from './connection.js'
import { dispatch, dispatchHeld } from './dispatch.js'
import { Doors, type ListenAddress, whereAccepted } from './doors.js'
import { drain } from './drain.js'
import type { Forwarding } from './forwarding.js'
import { checkOpenFiles, isSpare, maxClients } from './max-clients.js'
import { mayBeNext } from './next-command.js'
import { fileDescriptorOf, hostOf, isUnix, type Peer } from './peer.js'
import { DENIED, isDenied, tellProtected } from './protected-mode.js'
import { tellGone } from './proxy-news.js'
import type { Server } from './server.js'
import { restore, type SessionState } from './session-state.js'
import { Sweeper } from './sweeper.js'
import { announcedTo } from './whereabouts.js'

const MAX_CLIENTS_ERROR = '-ERR max number of clients reached\r\n'
const MAX_OF_ADDRESS_ERROR = '-ERR max number of clients of this address reached\r\n'

/** How long a balancer may take to say for whom a connection is. */
const HEADER_MS = 10_000

/** All clients are read into one buffer: what it holds is consumed, or copied, before the next read. */
const sharedReadBuffer = Buffer.allocUnsafeSlow(64 * 1024)

/** Accepts clients. */
export class Listener {
  private readonly doors: Doors
  /** Those who are to be clients when they have shaken hands by TLS, or been announced by a balancer. */
  private readonly shaking = new Map<Socket, Peer>()
  private readonly refused: RefusedLog
  private readonly notAnnounced: RefusedLog
  private readonly isTrusted: (host: string) => boolean
  private readonly sweeper: Sweeper
  private nextId = 1
  /** Who takes clients for another proxy that serves them. */
  forwarding: Forwarding | undefined
  private readonly dispatch = (client: Connection, frame: Frame) => dispatch(this.server, client, frame)
  private readonly mayBeNext = (client: Connection, frame: Frame) => mayBeNext(this.server, client, frame)

  constructor(private readonly server: Server) {
    server.pause.serve = (client, frame, row) => dispatchHeld(server, client, frame, row)
    server.coordinator.settings.restored = (own) => restoreSettings(server, own)
    this.refused = new RefusedLog(server.log)
    // A client that goes on at another proxy keeps its number.
    if (server.config.peers.port !== undefined) this.nextId = randomInt(2 ** 16) * 2 ** 32 + 1
    this.notAnnounced = new RefusedLog(server.log, 'the PROXY protocol')
    const { proxyProtocol, proxyTrusted } = server.config.listen
    this.isTrusted = inSubnets(proxyTrusted)
    const isAnnounced = proxyProtocol === 'yes'
    this.sweeper = new Sweeper(server)
    this.doors = new Doors(
      (socket, peer, isSecure) => {
        if (isSecure) this.shakeHands(socket, peer)
        else if (isAnnounced && !isUnix(peer)) this.awaitHeader(socket, peer)
        else this.accept(socket, peer)
      },
      (error) => server.log.error({ event: 'listener-failed', err: error }, 'listener'),
    )
  }

  /**
   * Opens the configured addresses, or what was passed of them; gives the first, whose port the system chose if 0 was configured. Rejects with the
   * system's error, and when too few files may be open for a client.
   */
  async open(passed: readonly PassedSocket[]): Promise<ListenAddress> {
    const { server } = this
    this.check(passed)
    const address = await this.doors.openAll(server.config.listen, server.config.tls.port, passed)
    server.log.info({ event: 'clients-accepted' }, whereAccepted(address, this.doors.hosts))
    tellProtected(server)
    server.tls.watch()
    server.stats.start(server.clients)
    this.sweeper.start()
    return address
  }

  /** What would keep it from opening is told before: throws a UserError. */
  check(passed: readonly PassedSocket[]): void {
    checkOpenFiles(this.server)
    if (this.server.tls.clients === undefined && passed.some(({ name }) => name === 'tls')) {
      throw new UserError('a socket for clients with TLS was passed, and tls.port is not set')
    }
  }

  /** Accepts nobody any more; resolves when all clients are gone. */
  close(): Promise<void> {
    this.server.stats.stop()
    this.server.tls.stop()
    for (const socket of this.shaking.keys()) socket.destroy()
    this.sweeper.stop()
    return this.doors.close()
  }

  /** The sockets on which clients come in, to be passed to another process. */
  sockets(): PassedSocket[] {
    return this.doors.sockets()
  }

  /** Another process has these sockets as well. */
  passOn(): void {
    this.doors.passOn()
  }

  /** Lets all clients go, as far as that is possible in `limits.drainTimeoutMs`; nobody comes in any more. */
  drain(): Promise<void> {
    const { clients, config, runId, peers } = this.server
    clients.isDraining = true
    tellGone(this.server, { run: runId, ...peers() })
    return drain(clients, config.limits.drainTimeoutMs)
  }

  private accept(socket: Socket, peer: Peer): void {
    const refusal = this.refusal(socket, peer)
    if (refusal !== undefined) {
      this.server.stats.connectionsRejected++
      sendAway(socket, refusal)
      return
    }
    this.counted(socket)
    let client: Reader | undefined
    const reader = readerOf(() => client)
    const readable = readInto(sharedReadBuffer, socket, reader)
    client = this.add(readable, peer)
    readable.resume()
  }

  /** Who comes through a balancer [listen.proxyProtocol] is a client when that has said who he is. */
  private awaitHeader(accepted: Socket, balancer: Peer): void {
    const { server, shaking } = this
    const reject = (socket: Socket, refusal: string) => {
      server.stats.connectionsRejected++
      sendAway(socket, refusal)
    }
    if (!this.isTrusted(hostOf(balancer).replace(/[[\]]/g, ''))) {
      server.stats.connectionsRejected++
      this.notAnnounced.say(balancer.address, 'it is none of listen.proxyTrusted')
      accepted.destroy()
      return
    }
    if (this.isFull(accepted)) {
      reject(accepted, MAX_CLIENTS_ERROR)
      return
    }
    this.counted(accepted)
    const wrong = (fault: string) => {
      if (!shaking.delete(socket)) return
      server.stats.connectionsRejected++
      this.notAnnounced.say(balancer.address, fault)
      socket.destroy()
    }
    const reader = new AnnouncedReader({
      wrong,
      announced: (announced) => {
        clearTimeout(timer)
        shaking.delete(socket)
        socket.removeListener('end', ended)
        const peer = announced ?? balancer
        const refusal = this.refusal(socket, peer)
        if (refusal === undefined) return this.add(socket, peer)
        reject(socket, refusal)
        return undefined
      },
    })
    const socket = readInto(sharedReadBuffer, accepted, reader)
    const ended = () => wrong('it ended before its PROXY header did')
    const timer = setTimeout(() => wrong('its PROXY header did not come in time'), HEADER_MS)
    shaking.set(socket, balancer)
    socket.on('end', ended)
    socket.on('error', () => socket.destroy()) // Whoever breaks it off is owed nothing.
    socket.once('close', () => {
      clearTimeout(timer)
      shaking.delete(socket)
    })
    socket.resume()
  }

  /** Who has not shaken hands by TLS is no client, but has its place among them. */
  private shakeHands(accepted: Socket, peer: Peer): void {
    const { server, shaking } = this
    const refusal = this.refusal(accepted, peer)
    // In plain bytes nobody would understand it.
    if (refusal === MAX_CLIENTS_ERROR || refusal === MAX_OF_ADDRESS_ERROR) {
      server.stats.connectionsRejected++
      accepted.destroy()
      return
    }
    this.counted(accepted)
    let client: Reader | undefined
    const reader = readerOf(() => client)
    const socket = receive(accepted, server.tls.clients!.reception, sharedReadBuffer, reader, {
      secured: (socket, commonName) => {
        shaking.delete(socket)
        if (refusal !== undefined) {
          server.stats.connectionsRejected++
          socket.end(refusal, () => socket.destroy())
          return
        }
        client = this.add(socket, peer, commonName)
        socket.resume()
      },
      gone: (fault) => {
        if (shaking.delete(socket) && fault !== undefined) this.refused.say(peer.address, fault)
      },
    })
    shaking.set(socket, peer)
  }

  private counted(socket: Socket): void {
    const { stats, config } = this.server
    const { keepAliveSeconds } = config.listen
    stats.connectionsAccepted++
    if (keepAliveSeconds > 0) socket.setKeepAlive(true, keepAliveSeconds * 1000)
  }

  /**
   * Serves a client in this proxy that has come in elsewhere; undefined when it is not let in, which it is told. `commonName` is that of
   * a certificate that was verified, `session` what it has set for itself there.
   */
  join(
    socket: ClientSocket,
    peer: Peer,
    commonName: string | undefined,
    session?: SessionState | undefined,
  ): Connection | undefined {
    const { server } = this
    const refusal = this.isFull(socket) ? MAX_CLIENTS_ERROR : this.refusalHere(peer)
    if (refusal === undefined) {
      const client = this.serve(socket, peer, commonName, session?.id)
      if (session === undefined || restore(client, session, server.acl)) return client
      client.close()
      return undefined
    }
    server.stats.connectionsRejected++
    socket.end(Buffer.from(refusal)).destroySoon()
    return undefined
  }

  /** Somebody who was let in; undefined when he is not, after all. */
  private add(socket: Socket, from: Peer, commonName?: string): Reader | undefined {
    const { forwarding } = this
    const peer = announcedTo(from, socket instanceof TLSSocket, this.server.config.listen)
    if (forwarding === undefined) return this.serve(socket, peer, commonName)
    return forwarding.take(socket, peer, commonName) ?? this.join(socket, peer, commonName)
  }

  /** @param id that it had elsewhere */
  private serve(socket: ClientSocket, peer: Peer, commonName: string | undefined, id?: number): Connection {
    const { server } = this
    const isFree = id !== undefined && server.clients.get(id) === undefined
    const client = new Connection(isFree ? id : this.nextId++, socket, peer, server, this.dispatch, this.mayBeNext)
    server.clients.add(client)
    if (commonName !== undefined) logInByCertificate(server, client, commonName)
    return client
  }

  /** What a client is told that is not let in. Of one that another proxy serves that one knows whether it may. */
  private refusal(socket: Socket, peer: Peer): string | undefined {
    if (this.isFull(socket)) return MAX_CLIENTS_ERROR
    return this.forwarding?.isForwarding === true ? undefined : this.refusalHere(peer)
  }

  private refusalHere(peer: Peer): string | undefined {
    const { server } = this
    if (isDenied(server, peer)) return DENIED
    const { maxClientsPerAddress } = server.config.limits
    const isTooMany = maxClientsPerAddress > 0 && !isUnix(peer) && this.countFrom(hostOf(peer)) >= maxClientsPerAddress
    return isTooMany ? MAX_OF_ADDRESS_ERROR : undefined
  }

  private isFull(socket: ClientSocket): boolean {
    const { server, shaking, forwarding } = this
    const count = server.clients.count + shaking.size + (forwarding?.count ?? 0)
    return count >= maxClients(server) || isSpare(fileDescriptorOf(socket))
  }

  private countFrom(host: string): number {
    let count = this.server.clients.countFrom(host)
    for (const peer of this.shaking.values()) if (hostOf(peer) === host) count++
    return count
  }
}

/** Of a client that is there before anything is read, or is not let in. */
function readerOf(client: () => Reader | undefined): Reader {
  return {
    receive: (buffer, size) => client()?.receive(buffer, size) ?? false,
    room: () => client()?.room(),
    filled: (size) => client()?.filled(size) ?? false,
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
