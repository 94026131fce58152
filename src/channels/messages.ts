/*
 * What listeners are sent: a push in RESP3, an array in RESP2, of which all else is the same [Redis pubsub.c].
 */

const CRLF = Buffer.from('\r\n')

/** One message in both protocols, each encoded when somebody is there who speaks it, and once. */
export class Message {
  private readonly forms: (Buffer | undefined)[] = [undefined, undefined]

  constructor(private readonly parts: readonly (Buffer | string | number | null)[]) {}

  in(proto: 2 | 3): Buffer {
    return (this.forms[proto - 2] ??= encode(this.parts, proto))
  }
}

/** Texts and bytes as bulk strings, numbers as integers. */
function encode(parts: readonly (Buffer | string | number | null)[], proto: 2 | 3): Buffer {
  const pieces: Buffer[] = []
  let head = `${proto === 3 ? '>' : '*'}${parts.length}\r\n`
  for (const part of parts) {
    if (part === null) head += proto === 3 ? '_\r\n' : '$-1\r\n'
    else if (typeof part === 'number') head += `:${part}\r\n`
    else if (typeof part === 'string') head += `$${part.length}\r\n${part}\r\n`
    else {
      pieces.push(Buffer.from(`${head}$${part.length}\r\n`, 'latin1'), part, CRLF)
      head = ''
    }
  }
  if (head !== '') pieces.push(Buffer.from(head, 'latin1'))
  return Buffer.concat(pieces)
}
