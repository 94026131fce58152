import { type Link, LinkLostError } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import { frameOf } from '../resp/frame.js'

const COLON = 0x3a

/**
 * About how much memory each of the keys takes on a member, in bytes; 0 for one that is not there.
 *
 * @throws LinkLostError
 */
export function sizesOf(link: Link, db: number, keys: readonly Buffer[]): Promise<Float64Array> {
  if (!link.ready) return Promise.reject(new LinkLostError(link.name, false))
  return new Promise((resolve, reject) => {
    const sizes = new Float64Array(keys.length)
    let open = keys.length
    const sink: ReplySink = {
      onReply(i, buf, start, end) {
        if (buf[start] === COLON) sizes[i] = Number(buf.latin1Slice(start + 1, end - 2))
        if (--open === 0) resolve(sizes)
      },
      onLost: () => reject(new LinkLostError(link.name, true)),
    }
    for (const [i, key] of keys.entries()) {
      link.emitFrame(frameOf(['MEMORY', 'USAGE', key, 'SAMPLES', '1']), db, sink, i)
    }
    if (open === 0) resolve(sizes)
  })
}
