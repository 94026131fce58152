import { Elements } from '../../resp/elements.js'

/**
 * The reply of BLPOP, made of that of LMPOP, and of BZPOPMIN, made of that of ZMPOP: what was popped stands beside its key, without
 * a list of its own.
 *
 *     [k [x]]         [k x]
 *     [k [[x 1.5]]]   [k x 1.5]
 */
export function flattened(buf: Buffer, start: number, end: number): Buffer {
  const reply = new Elements(buf, start, end)
  reply.next()
  const key = buf.subarray(reply.start, reply.end)
  reply.next()
  const popped = new Elements(buf, reply.start, reply.end)
  popped.next()
  const first = new Elements(buf, popped.start, popped.end)
  if (first.count < 0) return Buffer.concat([Buffer.from('*2\r\n'), key, buf.subarray(popped.start, popped.end)])
  const parts: Buffer[] = [Buffer.from(`*${1 + first.count}\r\n`), key]
  for (let i = 0; i < first.count; i++) {
    first.next()
    parts.push(buf.subarray(first.start, first.end))
  }
  return Buffer.concat(parts)
}
