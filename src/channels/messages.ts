import { copyBytes } from '../base/copy-bytes.js'
import type { Frame } from '../resp/frame.js'

/*
 * What listeners are sent: a push in RESP3, an array in RESP2, of which all else is the same [Redis pubsub.c].
 */

const CRLF = '\r\n'

/** One message in both protocols, each encoded when somebody is there who speaks it, and once. */
export class Message {
  private readonly forms: (Buffer | undefined)[] = [undefined, undefined]

  constructor(private readonly parts: readonly (Buffer | string | number | null)[]) {}

  in(proto: 2 | 3): Buffer {
    return (this.forms[proto - 2] ??= encode(this.parts, proto))
  }
}

/** What stands before the name of a channel in all that is published, in both protocols. */
export type Heads = readonly [resp2: Buffer, resp3: Buffer]

export function headsOf(word: string): Heads {
  const head = (type: string) => Buffer.from(`${type}3${CRLF}$${word.length}${CRLF}${word}${CRLF}`)
  return [head('*'), head('>')]
}

/** Where in the command that publishes a message that begins which stands behind such a head; it ends where the command ends. */
export function bodyStart({ argEnd }: Frame): number {
  return argEnd[0] + CRLF.length
}

/** A message for many who listen to just its channel: it is made once for all who speak the same protocol. */
export class Published {
  private readonly forms: (Buffer | undefined)[] = [undefined, undefined]

  constructor(
    private readonly heads: Heads,
    private readonly frame: Frame,
  ) {}

  in(proto: 2 | 3): Buffer {
    return (this.forms[proto - 2] ??= this.encode(this.heads[proto - 2]))
  }

  private encode(head: Buffer): Buffer {
    const { buf, end } = this.frame
    const start = bodyStart(this.frame)
    const bytes = Buffer.allocUnsafe(head.length + end - start)
    copyBytes(head, 0, head.length, bytes, 0)
    copyBytes(buf, start, end, bytes, head.length)
    return bytes
  }
}

/** Texts and bytes as bulk strings, numbers as integers. */
function encode(parts: readonly (Buffer | string | number | null)[], proto: 2 | 3): Buffer {
  const pieces: Buffer[] = []
  let head = `${proto === 3 ? '>' : '*'}${parts.length}${CRLF}`
  for (const part of parts) {
    if (part === null) head += proto === 3 ? '_\r\n' : '$-1\r\n'
    else if (typeof part === 'number') head += `:${part}${CRLF}`
    else if (typeof part === 'string') head += `$${part.length}${CRLF}${part}${CRLF}`
    else {
      pieces.push(Buffer.from(`${head}$${part.length}${CRLF}`, 'latin1'), part)
      head = CRLF
    }
  }
  pieces.push(Buffer.from(head, 'latin1'))
  return Buffer.concat(pieces)
}
