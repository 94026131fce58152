import { readFileSync } from 'node:fs'
import { createServer } from 'node:tls'

/* A server of node:tls that answers every read with a PONG and does nothing else: what is the least that a handshake takes in Node. */

const [port, cert, key] = process.argv.slice(2)
createServer(
  { cert: readFileSync(cert), key: readFileSync(key), sessionIdContext: 'bare', noDelay: true },
  (socket) => {
    socket.on('error', () => {}) // Who measures has broken it off.
    socket.on('data', () => socket.write('+PONG\r\n'))
  },
)
  .listen({ port: Number(port), host: '127.0.0.1' })
  .once('listening', () => process.send?.('ready'))
process.once('disconnect', () => process.exit())
