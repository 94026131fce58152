import { hold } from '../base/large-buffers.js'
import { OWNED } from '../resp/reply-framer.js'

/** To copy more than this takes long, and it comes so rarely that its buffer needs not be used again. */
const COPIED_BYTES_MAX = 4 * 1024 * 1024

/** The bytes of a reply, as a sink is given it, which stay as they are for as long as somebody has them. */
export function heldReply(buf: Buffer, start: number, end: number, flags: number): Buffer {
  const isKept = (flags & OWNED) !== 0 || (end - start > COPIED_BYTES_MAX && hold(buf))
  return isKept ? buf.subarray(start, end) : Buffer.from(buf.subarray(start, end))
}
