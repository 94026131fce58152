import { type Link, LinkLostError } from '../../backend/link.js'
import type { Serving } from '../../order/router.js'
import { decodeReply } from '../../resp/decode.js'
import { type ErrorReply, isError } from '../../resp/encode.js'
import { frameOf } from '../../resp/frame.js'
import { IS_ERROR } from '../../resp/reply-framer.js'

const CR = 0x0d
const ZERO = 0x30

/** Some keys of one member, as they stand in a reply. */
export interface ServedKeys {
  readonly count: number
  /** Bulk strings, one behind the other. */
  readonly bytes: Buffer
}

/**
 * Asks a member for KEYS and keeps those that it serves. The reply is looked through where it lies: a list of all keys
 * of a large database would fill the memory many times over.
 */
export function servedKeys(
  serving: Serving,
  link: Link,
  args: readonly Buffer[],
  db: number,
): Promise<ServedKeys | ErrorReply> {
  return new Promise((resolve, reject) => {
    if (!link.ready) {
      reject(new LinkLostError(link.name, false))
      return
    }
    const sink = {
      onReply: (_tag: number, buf: Buffer, start: number, end: number, flags: number) => {
        if ((flags & IS_ERROR) === 0) resolve(pick(serving, link, buf, start, end))
        else {
          const error = decodeReply(buf, start, end)
          if (isError(error)) resolve(error)
        }
      },
      onLost: () => reject(new LinkLostError(link.name, true)),
    }
    link.emitFrame(frameOf(args), db, sink, 0)
  })
}

/** The served ones of an array of bulk strings, copied. */
function pick(serving: Serving, link: Link, buf: Buffer, start: number, end: number): ServedKeys {
  const kept = Buffer.allocUnsafe(end - start)
  let used = 0
  let count = 0
  let at = buf.indexOf(CR, start) + 2
  while (at < end) {
    let length = 0
    let digit = at + 1
    while (buf[digit] !== CR) length = length * 10 + buf[digit++] - ZERO
    const key = digit + 2
    const next = key + length + 2
    if (serving.by(link, buf, key, key + length)) {
      used += buf.copy(kept, used, at, next)
      count++
    }
    at = next
  }
  return { count, bytes: kept.subarray(0, used) }
}
