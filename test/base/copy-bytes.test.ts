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
