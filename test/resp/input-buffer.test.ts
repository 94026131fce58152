import t from 'tap'
import { InputBuffer } from '../../src/resp/input-buffer.js'

const MB = 1024 * 1024

/** Feeds so many MB of one frame whose size nobody knows; gives how many bytes were copied each time when there was no room for more. */
function copiesOf(megabytes: number): number[] {
  const input = new InputBuffer(64 * 1024)
  const chunk = Buffer.alloc(MB, 'x')
  const copied: number[] = []
  let own: Buffer | undefined
  for (let i = 0; i < megabytes; i++) {
    const before = input.length
    input.attach(chunk, MB)
    while (input.pull(1, Number.POSITIVE_INFINITY)) {
      if (own !== undefined && input.buf !== own) copied.push(before)
      own = input.buf
    }
    if (own !== undefined && input.buf !== own) copied.push(before)
    own = input.buf
  }
  t.equal(input.length, megabytes * MB)
  t.ok(input.buf.subarray(input.start, input.limit).every((byte) => byte === 0x78))
  return copied
}

t.test(
  'a frame that grows and grows is not copied again when it is large: that would keep everybody waiting',
  async (t) => {
    const copied = copiesOf(200)
    t.ok(copied.length <= 8, `${copied.length} times`)
    t.ok(Math.max(...copied) <= 64 * MB, `${Math.max(...copied) / MB} MB in one go`)
  },
)
