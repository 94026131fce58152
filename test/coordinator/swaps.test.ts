import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { Swaps } from '../../src/order/swaps.js'

const link = (name: string) => ({ name }) as Link

t.test('a key that was meant before databases were swapped may have both names', async (t) => {
  const swaps = new Swaps()
  const before = swaps.count
  t.strictSame(swaps.namesNow(['0:a'], before), ['0:a'])
  swaps.add(0, 1, [])
  swaps.add(1, 2, [])
  t.strictSame(swaps.namesNow(['0:a', '3:b:c'], before), ['0:a', '3:b:c', '2:a', '3:b:c'])
  t.strictSame(swaps.namesNow(['0:a'], before + 1), ['0:a', '0:a'])
  t.strictSame(swaps.namesNow(['0:a'], swaps.count), ['0:a'])
})

t.test('what a server says of a key is meant by the swaps that it has answered', async (t) => {
  const swaps = new Swaps()
  const [one, other] = [link('dt-1'), link('dt-2')]
  swaps.add(0, 1, [one, other])
  swaps.add(1, 2, [one, other])
  t.strictSame(swaps.namesOn(one, '0:a'), ['0:a', '2:a'])
  swaps.answered(one, false)
  t.strictSame(swaps.namesOn(one, '1:a'), ['1:a', '2:a'])
  swaps.answered(one, false)
  t.strictSame(swaps.namesOn(one, '0:a'), ['0:a'])
  t.strictSame(swaps.namesOn(other, '0:a'), ['0:a', '2:a'])
  swaps.answered(other, true)
  swaps.answered(other, true)
  t.strictSame(swaps.namesOn(other, '0:a'), ['0:a'])
})

t.test('only the last swaps are remembered', async (t) => {
  const swaps = new Swaps()
  for (let i = 0; i < 20_001; i++) swaps.add(0, 1, [])
  t.strictSame(swaps.namesNow(['0:a'], 0), ['0:a', '0:a'], 'the last ten thousand of them')
  t.strictSame(swaps.namesNow(['0:a'], swaps.count - 1), ['0:a', '1:a'])
})
