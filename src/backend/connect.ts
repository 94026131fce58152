import type { Socket } from 'node:net'
import { type Reader, readingInto } from '../base/socket-reader.js'
import { openSocket, type TlsTarget } from '../tls/to-servers.js'

export { onceOpen, socketFault } from '../tls/to-servers.js'

/** All links of the process read into one buffer: what it holds is consumed before the next read. */
const sharedReadBuffer = Buffer.allocUnsafeSlow(64 * 1024)

/** A connection to a server, the bytes of which go to `reader`; bytes can be sent from `onceOpen` on. */
export function connectReading(
  { host, port }: { readonly host: string; readonly port: number },
  tls: TlsTarget | undefined,
  reader: Reader,
): Socket {
  const onread = readingInto(sharedReadBuffer, reader)
  return openSocket({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 5000, onread }, tls)
}
