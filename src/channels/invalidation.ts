/*
 * What clients with a cache are sent [Redis tracking.c sendTrackingMessage]: a push in RESP3, and to a client that listens in RESP2 a message
 * of a channel.
 */

const HEADS: Readonly<Record<2 | 3, string>> = {
  2: '*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n',
  3: '>2\r\n$10\r\ninvalidate\r\n',
}
const CRLF = Buffer.from('\r\n')

/** That what is cached of some keys is old, or of all; encoded once in each form. */
export class Invalidation {
  private readonly forms = new Map<string, Buffer>()

  /** @param keys null: all keys */
  constructor(private readonly keys: readonly Buffer[] | null) {}

  /**
   * @param proto the protocol of who gets it
   * @param asked that of who has asked for it: it has its null
   */
  in(proto: 2 | 3, asked: 2 | 3): Buffer {
    const form = `${proto}${asked}`
    let bytes = this.forms.get(form)
    if (bytes === undefined) this.forms.set(form, (bytes = this.encode(proto, asked)))
    return bytes
  }

  private encode(proto: 2 | 3, asked: 2 | 3): Buffer {
    const { keys } = this
    if (keys === null) return Buffer.from(`${HEADS[proto]}${asked === 3 ? '_' : '$-1'}\r\n`)
    const pieces = keys.flatMap((key) => [Buffer.from(`$${key.length}\r\n`), key, CRLF])
    return Buffer.concat([Buffer.from(`${HEADS[proto]}*${keys.length}\r\n`), ...pieces])
  }
}

/** Who was to get them is gone, which its client is told in RESP3. */
export function brokenRedirection(id: number): Buffer {
  return Buffer.from(`>2\r\n$21\r\ntracking-redir-broken\r\n:${id}\r\n`)
}
