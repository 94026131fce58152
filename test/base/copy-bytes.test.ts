import t from 'tap'
import { copyBytes } from '../../src/base/copy-bytes.js'

t.test('bytes of any number are copied to their place and no others', async (t) => {
  const from = Buffer.from(Array.from({ length: 512 }, (_, i) => (i * 7 + 1) & 0xff))
  for (let length = 0; length <= 200; length++) {
    const to = Buffer.alloc(300, 0xee)
    const expected = Buffer.alloc(300, 0xee)
    from.copy(expected, 50, 3, 3 + length)
    copyBytes(from, 3, 3 + length, to, 50)
    t.ok(to.equals(expected), `${length} bytes`)
  }
})

t.test('bytes come from the buffer that is named, not from the one before', async (t) => {
  const sizes = [300, 100, 300_000, 300, 70]
  const buffers = sizes.map((size, i) => Buffer.alloc(size + 5, i + 1).subarray(5))
  for (let i = 0; i < 200; i++) {
    const from = buffers[(i * 7) % 5]
    const length = 1 + (i % 60)
    const to = Buffer.alloc(64)
    copyBytes(from, 3, 3 + length, to, 2)
    t.ok(to.subarray(2, 2 + length).equals(from.subarray(3, 3 + length)))
    t.ok(to.subarray(2 + length).every((byte) => byte === 0))
  }
})

t.test('what is copied again is what stands there now', async (t) => {
  const from = Buffer.alloc(100, 'a')
  const to = Buffer.alloc(200)
  copyBytes(from, 10, 70, to, 0)
  from.fill('b')
  copyBytes(from, 10, 70, to, 60)
  copyBytes(from, 10, 71, to, 120)
  t.equal(to.toString('latin1', 0, 181), 'a'.repeat(60) + 'b'.repeat(121))
})
