import t from 'tap'
import { CELL_BYTES, cells } from '../../src/base/cells.js'

t.test('every cell is a place of its own', async (t) => {
  const taken: { buffer: Buffer; start: number }[] = []
  for (let i = 0; i < 5000; i++) {
    cells.next()
    const { buffer, start } = cells
    buffer.fill(i & 0xff, start, start + CELL_BYTES)
    taken.push({ buffer, start })
  }
  t.ok(new Set(taken.map(({ buffer }) => buffer)).size > 1)
  const spoilt = taken.filter(({ buffer, start }, i) =>
    buffer.subarray(start, start + CELL_BYTES).some((byte) => byte !== (i & 0xff)),
  )
  t.same(spoilt, [])
})
