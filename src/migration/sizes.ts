import { type Link, LinkLostError } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import { type KeyId, keyOfId, textOfId } from '../base/key-id.js'
import { SIZE_SAMPLES } from '../order/pieces/sized-copy.js'
import { frameOf } from '../resp/frame.js'

const COLON = 0x3a
const HEAD = '*5\r\n$6\r\nMEMORY\r\n$5\r\nUSAGE\r\n'
const TAIL = `\r\n$7\r\nSAMPLES\r\n$${SIZE_SAMPLES.length}\r\n${SIZE_SAMPLES}\r\n`

/**
 * About how much memory each of the keys takes on a member, in bytes; 0 for one that is not there.
 *
 * @param ids keys of one database, see `keyId`
 * @throws LinkLostError
 */
export function sizesOf(link: Link, db: number, ids: readonly KeyId[]): Promise<Float64Array> {
  if (!link.ready) return Promise.reject(new LinkLostError(link.name, false))
  return new Promise((resolve, reject) => {
    const sizes = new Float64Array(ids.length)
    let open = ids.length
    const sink: ReplySink = {
      onReply(i, buf, start, end) {
        if (buf[start] === COLON) sizes[i] = Number(buf.latin1Slice(start + 1, end - 2))
        if (--open === 0) resolve(sizes)
      },
      onLost: () => reject(new LinkLostError(link.name, true)),
    }
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]
      if (typeof id !== 'string') {
        link.emitFrame(frameOf(['MEMORY', 'USAGE', keyOfId(id).key, 'SAMPLES', SIZE_SAMPLES]), db, sink, i)
        continue
      }
      // For millions of keys; nobody looks for its arguments.
      const key = textOfId(id)
      const buf = Buffer.from(`${HEAD}$${key.length}\r\n${key}${TAIL}`, 'latin1')
      link.emitFrame({ buf, start: 0, end: buf.length, argc: 5, argStart: [], argEnd: [], owned: true }, db, sink, i)
    }
    if (open === 0) resolve(sizes)
  })
}
