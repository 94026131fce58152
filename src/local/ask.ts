import { connect } from 'node:net'

/**
 * One inline command to the Redis server at `host:port`, on a connection of its own. Gives the reply's text: of a
 * bulk string what is in it, else the line with its type byte (`+PONG`, `-LOADING …`, `$-1`). Undefined when there is no
 * such answer within `timeoutMs`.
 */
export function ask(host: string, port: number, command: string, timeoutMs = 1000): Promise<string | undefined> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect({ host, port })
    const answer = (text: string | undefined) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(text)
    }
    const timer = setTimeout(answer, timeoutMs, undefined)
    // One character a byte, so that lengths can be counted.
    socket.setEncoding('latin1')
    socket.on('connect', () => socket.write(`${command}\r\n`))
    socket.on('data', (text: string) => {
      received += text
      const reply = wholeReply(received)
      if (reply !== undefined) answer(reply)
    })
    socket.on('error', () => answer(undefined))
    socket.on('close', () => answer(undefined))
  })
}

function wholeReply(received: string): string | undefined {
  const end = received.indexOf('\r\n')
  if (end < 0) return undefined
  if (!received.startsWith('$') || received.startsWith('$-1')) return received.slice(0, end)
  const length = Number(received.slice(1, end))
  if (received.length < end + 2 + length + 2) return undefined
  return Buffer.from(received.slice(end + 2, end + 2 + length), 'latin1').toString()
}

/** What `INFO server` of `host:port` says, field by field; undefined when nothing there answers it. */
export async function askInfo(host: string, port: number): Promise<Map<string, string> | undefined> {
  const text = await ask(host, port, 'INFO server')
  if (text === undefined || !text.includes('redis_version:')) return undefined
  return new Map(
    text.split('\r\n').flatMap((line): [string, string][] => {
      const colon = line.indexOf(':')
      return colon > 0 ? [[line.slice(0, colon), line.slice(colon + 1)]] : []
    }),
  )
}
