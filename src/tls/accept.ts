import type { Socket } from 'node:net'
import { checkServerIdentity, type SecureContext, TLSSocket } from 'node:tls'
import { type Reader, readingInto } from '../base/socket-reader.js'
import { tlsFault } from './fault.js'

/** How clients are received that speak TLS. */
export interface Reception {
  readonly context: SecureContext
  /** Whether they are asked for a certificate, which is verified then, and whether they must have one. */
  readonly authClients: 'yes' | 'optional' | 'no'
  /** The name that has to be in their certificates, if one has to. */
  readonly name?: string | undefined
  /** For all of the handshake, however slowly its bytes come. */
  readonly handshakeTimeoutMs: number
}

/** Told of one of them, once. */
export interface Received {
  /** The handshake is over. Nothing was read before; `commonName` is that of a certificate that was verified. */
  secured(socket: TLSSocket, commonName: string | undefined): void
  /** The handshake is over, and the certificate is not taken: he can be told why. Without this he is closed. */
  unfit?(socket: TLSSocket, fault: string): void
  /** It is closed, before or after that: because of `fault` if there was one. */
  gone(fault: string | undefined): void
}

/** Parts of TLS sockets that Node keeps to itself. */
interface Inner {
  connecting: boolean
  _handle: unknown
  _server: unknown
  _tlsOptions: { readonly accepted?: unknown }
  _wrapHandle: (wrap: unknown, handle: unknown, writes: boolean) => unknown
}

const wrapHandle = (TLSSocket.prototype as unknown as Partial<Inner>)._wrapHandle

/**
 * A TLS socket of which the handle is that of an accepted one, which is forgotten: only sockets without another one
 * below them can be told into which buffer to read.
 */
class TakenOver extends TLSSocket {
  _wrapHandle(wrap: unknown, handle: unknown, writes: boolean): unknown {
    const { accepted } = (this as unknown as Inner)._tlsOptions
    return wrapHandle!.call(this as unknown as Inner, wrap, handle ?? accepted, writes)
  }
}

/**
 * Begins TLS on an accepted socket that has not been read from. From then on its bytes go to `reader`, by `shared` or to
 * where it has room [base/socket-reader]. Every write is told by `drain` when it has left: what was written was
 * encrypted elsewhere, so that it does not leave in the call itself.
 */
export function receive(
  accepted: Socket,
  reception: Reception,
  shared: Buffer,
  reader: Reader,
  received: Received,
): TLSSocket {
  const { context, authClients, handshakeTimeoutMs } = reception
  const socket = secureSocket(accepted, shared, reader, {
    isServer: true,
    secureContext: context,
    requestCert: authClients !== 'no',
    rejectUnauthorized: authClients === 'yes',
    highWaterMark: 0,
    allowHalfOpen: true,
  })
  let fault: string | undefined
  const end = (why: string) => {
    fault ??= why
    socket.destroy()
  }
  // Slow bytes of a handshake do not make it longer.
  const timer = setTimeout(() => end('the handshake was not ended in time'), handshakeTimeoutMs)
  socket.once('secure', () => {
    clearTimeout(timer)
    const { fault, commonName } = shownBy(socket, reception)
    if (fault === undefined) received.secured(socket, commonName)
    else if (received.unfit === undefined) end(fault)
    else received.unfit(socket, fault)
  })
  // Before the handshake is over Node tells of errors by one of them, afterwards by the other.
  socket.on('_tlsError', (error: Error) => end(tlsFault(error)))
  socket.on('error', (error) => end(tlsFault(error)))
  socket.once('close', () => {
    clearTimeout(timer)
    received.gone(fault)
  })
  return socket
}

interface Shown {
  /** Why who has shown that is not let in. */
  readonly fault?: string
  readonly commonName?: string
}

const NOTHING: Shown = {}

function shownBy(socket: TLSSocket, { authClients, name }: Reception): Shown {
  if (authClients === 'no') return NOTHING
  const certificate = socket.getPeerCertificate()
  if (certificate.subject === undefined)
    return authClients === 'yes' ? { fault: 'it has shown no certificate' } : NOTHING
  // As Node does in its own server; of a session that is resumed it is what was found when it began.
  const error =
    (socket as unknown as { _handle: { verifyError(): Error | null } })._handle.verifyError() ??
    (name === undefined ? undefined : checkServerIdentity(name, certificate))
  if (error) return { fault: tlsFault(error) }
  // There may be several of them.
  const [commonName] = [certificate.subject.CN].flat()
  return commonName === undefined ? NOTHING : { commonName }
}

function secureSocket(
  accepted: Socket,
  shared: Buffer,
  reader: Reader,
  options: ConstructorParameters<typeof TLSSocket>[1] & {
    readonly highWaterMark: number
    readonly allowHalfOpen: true
  },
): TLSSocket {
  const inner = accepted as unknown as Inner
  if (inner._handle === null || typeof inner._handle !== 'object' || wrapHandle === undefined) {
    const socket = new TLSSocket(accepted, options)
    socket.on('data', (chunk: Buffer) => {
      if (!reader.receive(chunk, chunk.length)) socket.pause()
    })
    return socket
  }
  const onread = readingInto(shared, reader)
  const taken = { ...options, onread, accepted: inner._handle }
  const socket = new TakenOver(undefined as unknown as Socket, taken)
  const own = socket as unknown as Inner
  own.connecting = false
  // The server counts its connections by this field; the accepted socket must not close the handle.
  own._server = inner._server
  inner._handle = null
  inner._server = null
  return socket
}
