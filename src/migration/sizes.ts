import { type Link, LinkLostError } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import { SIZE_SAMPLES } from '../coordinator/pieces/sized-copy.js'
import { frameOf } from '../resp/frame.js'

const COLON = 0x3a

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
      link.emitFrame(frameOf(['MEMORY', 'USAGE', keyOfId(ids[i]).key, 'SAMPLES', SIZE_SAMPLES]), db, sink, i)
    }
    if (open === 0) resolve(sizes)
  })
}
