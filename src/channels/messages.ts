import { copyBytes } from '../base/copy-bytes.js'

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

/**
 * What stands before the text of all that is published on a topic, for those who listen to just that; made when it is needed, since
 * on most topics nothing may ever be published.
 */
export class Heads {
  private readonly forms: (Buffer | undefined)[] = [undefined, undefined]

  constructor(
    private readonly word: string,
    private readonly name: Buffer,
  ) {}

  in(proto: 2 | 3): Buffer {
    return (this.forms[proto - 2] ??= encode([this.word, this.name], proto, 3))
  }
}

/** A message with such a head, whose text lies in `buf`: nothing of it is looked at but where it is. */
export class Published {
  private readonly forms: (Buffer | undefined)[] = [undefined, undefined]

  constructor(
    private readonly heads: Heads,
    private readonly buf: Buffer,
    private readonly start: number,
    private readonly end: number,
  ) {}

  in(proto: 2 | 3): Buffer {
    return (this.forms[proto - 2] ??= this.encode(proto))
  }

  private encode(proto: 2 | 3): Buffer {
    const { buf, start, end } = this
    const head = this.heads.in(proto)
    const length = `$${end - start}${CRLF}`
    const bytes = Buffer.allocUnsafe(head.length + length.length + end - start + CRLF.length)
    copyBytes(head, 0, head.length, bytes, 0)
    const at = head.length + bytes.latin1Write(length, head.length)
    copyBytes(buf, start, end, bytes, at)
    bytes.latin1Write(CRLF, at + end - start)
    return bytes
  }
}

/** Texts and bytes as bulk strings, numbers as integers; `count`: how many there are with those that are to follow. */
function encode(parts: readonly (Buffer | string | number | null)[], proto: 2 | 3, count = parts.length): Buffer {
  const pieces: Buffer[] = []
  let head = `${proto === 3 ? '>' : '*'}${count}${CRLF}`
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
