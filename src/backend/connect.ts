import { connect, type Socket } from 'node:net'
import { type Reader, readingInto } from '../base/socket-reader.js'

/** All links of the process read into one buffer: what it holds is consumed before the next read. */
const sharedReadBuffer = Buffer.allocUnsafeSlow(64 * 1024)

/** A connection to a server, the bytes of which go to `reader`. */
export function connectReading(host: string, port: number, reader: Reader): Socket {
  const onread = readingInto(sharedReadBuffer, reader)
  return connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 5000, onread })
}
