import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Collector } from '../../src/base/collect.js'

const MB = 1024 * 1024

t.test('what was dropped is given back when nothing happens to it any more', async (t) => {
  const held = Array.from({ length: 16 }, () => Buffer.alloc(8 * MB, 1))
  const collector = new Collector()
  const before = process.memoryUsage().arrayBuffers
  t.ok(before >= 128 * MB)
  held.length = 0
  collector.look()
  collector.look()
  // Buffers are freed behind a collection.
  for (let i = 0; i < 100 && process.memoryUsage().arrayBuffers > before - 120 * MB; i++) await sleep(10)
  t.ok(process.memoryUsage().arrayBuffers < 32 * MB)
})

t.test(
  'nothing is collected while memory comes and goes, or for little, and ever more seldom for the same',
  async (t) => {
    let bytes = 0
    let collections = 0
    const collector = new Collector(
      () => bytes,
      () => collections++,
    )
    const looks = (...each: number[]) => {
      for (const megabytes of each) {
        bytes = megabytes * MB
        collector.look()
      }
      return collections
    }
    const times = (count: number, megabytes: number) => Array.from({ length: count }, () => megabytes)
    t.equal(looks(0, 100, 200, 150, 300), 0, 'it changes')
    t.equal(looks(300), 1)
    t.equal(looks(...times(10, 300)), 1)
    t.equal(looks(300), 2, 'it may have been dropped since')
    t.equal(looks(...times(20, 300)), 2)
    t.equal(looks(300), 3)
    t.equal(looks(450), 3)
    t.equal(looks(450), 4, 'this is new')
    t.equal(looks(50, ...times(700, 50)), 4, 'little')
  },
)
