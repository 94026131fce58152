import t from 'tap'
import type { TokenRange } from '../../src/ring/token-range.js'
import { buildView, emptyView } from '../../src/view/build-view.js'
import type { Member, View } from '../../src/view/view.js'
import { ViewKeeper } from '../../src/view/view-keeper.js'
import { ViewStore } from '../../src/view/view-store.js'
import { LogLines, WARN } from '../helpers/log-lines.js'

// What becomes of the ranges is told in placement.test.ts; here is who tells the keeper what, and what it says of it.

t.test('the first members are the ring, and the epochs grow by one', async (t) => {
  const { keeper, store, epochs } = start(2)
  const four = members('dt-1 dt-2 dt-3 dt-4')
  keeper.membersChanged(four)
  t.strictSame(store.current, buildView('dt', 1, 2, 8, four))
  keeper.membersChanged(four.slice(1))
  keeper.restarted('dt-2')
  keeper.filled('dt-2', pendingRanges(store.current, 'dt-2'))
  t.strictSame(epochs, [1, 2, 3, 4])
})

t.test('states and addresses pass into the view, and move nothing', async (t) => {
  const { keeper, store, lines } = start(1)
  keeper.membersChanged(members('dt-1 dt-2 dt-3'))
  const { ring } = store.current
  const changed = members('dt-1 dt-2(suspect) dt-3').map((member) => ({ ...member, port: member.port + 1 }))
  keeper.membersChanged(changed)
  t.strictSame(store.current, buildView('dt', 2, 1, 8, changed))
  t.equal(store.current.ring, ring, 'the ring is not made anew')
  t.strictSame(texts(lines), [])
})

t.test('who leaves serves until its data has moved, and then is no member', async (t) => {
  const { keeper, store, lines } = start(1)
  keeper.membersChanged(members('dt-1 dt-2 dt-3'))
  t.equal(keeper.leave('dt-2'), true)
  t.equal(keeper.isLeaving('dt-2'), true)
  t.strictSame(namesIn(store.current), ['dt-1', 'dt-2', 'dt-3'])
  t.strictSame(store.current.wanted, ['dt-1', 'dt-3'])
  const { epoch } = store.current
  t.equal(keeper.leave('dt-2'), true, 'to ask twice is no error')
  t.equal(store.current.epoch, epoch, 'and changes nothing')

  for (const name of ['dt-1', 'dt-3']) keeper.filled(name, pendingRanges(store.current, name))
  t.strictSame(namesIn(store.current), ['dt-1', 'dt-2', 'dt-3'], 'the others may lack what was read from it')
  t.equal(
    store.current.setOfRange.some(({ natural }) => natural[0].name === 'dt-2' || natural[1].name === 'dt-2'),
    false,
    'but it is not asked any more',
  )
  keeper.parted(store.current.ring.ranges())
  t.strictSame(store.current, buildView('dt', store.current.epoch, 1, 8, members('dt-1 dt-3')))
  t.strictSame(texts(lines), [
    'data moves until the ring is dt-1 dt-3',
    'no data has to move any more: the ring is dt-1 dt-3',
  ])
})

t.test('only a member can leave, and not the last that stays', async (t) => {
  const { keeper, store } = start(1)
  keeper.membersChanged(members('dt-1 dt-2'))
  t.equal(keeper.leave('dt-9'), false)
  t.equal(keeper.leave('dt-1'), true)
  const { epoch } = store.current
  t.equal(keeper.leave('dt-2'), false)
  t.equal(keeper.isLeaving('dt-2'), false)
  t.equal(store.current.epoch, epoch)
})

t.test('a leave can be taken back', async (t) => {
  const { keeper, store } = start(1)
  keeper.membersChanged(members('dt-1 dt-2 dt-3'))
  t.equal(keeper.stay('dt-2'), false, 'of who does not leave')
  keeper.leave('dt-2')
  t.equal(keeper.stay('dt-2'), true)
  t.equal(keeper.isLeaving('dt-2'), false)
  t.strictSame(store.current, buildView('dt', 3, 1, 8, members('dt-1 dt-2 dt-3')))
})

t.test('who fails while it leaves does not come back, before no Sentinel monitors it any more', async (t) => {
  const { keeper, store } = start(1)
  const three = members('dt-1 dt-2 dt-3')
  const without = three.filter(({ name }) => name !== 'dt-2')
  keeper.membersChanged(three)
  keeper.leave('dt-2')
  keeper.membersChanged(without)
  keeper.membersChanged(three)
  t.equal(keeper.isLeaving('dt-2'), true)
  t.strictSame(namesIn(store.current), ['dt-1', 'dt-3'])

  keeper.membersChanged(without)
  keeper.forget('dt-2')
  keeper.membersChanged(three)
  t.strictSame(store.current.wanted, ['dt-1', 'dt-2', 'dt-3'])
})

t.test('what came as another process holds nothing any more, and gets all of it anew', async (t) => {
  const { keeper, store } = start(1)
  keeper.membersChanged(members('dt-1 dt-2 dt-3'))
  keeper.restarted('dt-2')
  const holds = (view: View) => view.setOfRange.some(({ natural }) => namesIn({ members: natural }).includes('dt-2'))
  t.equal(holds(store.current), false)
  keeper.filled('dt-2', pendingRanges(store.current, 'dt-2'))
  t.strictSame(store.current, buildView('dt', 3, 1, 8, members('dt-1 dt-2 dt-3')))
})

t.test('ranges that are filled by halves are not filled', async (t) => {
  const { keeper, store } = start(1)
  keeper.membersChanged(members('dt-1 dt-2 dt-3'))
  keeper.restarted('dt-2')
  const pending = pendingRanges(store.current, 'dt-2')
  keeper.filled(
    'dt-2',
    pending.map(({ from, to }) => ({ from: (from + 1) >>> 0, to })),
  )
  t.strictSame(pendingRanges(store.current, 'dt-2'), pending)
})

t.test('the log says when there are too few members, and when there are enough again', async (t) => {
  const { keeper, lines } = start(2)
  keeper.membersChanged(members('dt-1 dt-2'))
  keeper.membersChanged(members('dt-1'))
  keeper.membersChanged(members('dt-1 dt-2 dt-3'))
  t.strictSame(texts(lines), [
    'warn: the ring has 2 of the 3 members it needs: each new key has 2 copies',
    'warn: the ring has 1 of the 3 members it needs: each new key has 1 copy',
    'the ring has enough members again: each new key has 3 copies',
    'data moves until the ring is dt-1 dt-2 dt-3',
  ])
})

t.test('the log says which keys wait for whom, and when they wait no more', async (t) => {
  const { keeper, store, lines } = start(0)
  keeper.membersChanged(members('dt-1 dt-2 dt-3'))
  keeper.membersChanged(members('dt-1'))
  t.match(store.current.members, [{ state: 'up' }, { state: 'gone' }, { state: 'gone' }])
  keeper.membersChanged(members('dt-1 dt-2'))
  keeper.membersChanged([])
  keeper.membersChanged(members('dt-1 dt-2 dt-3'))
  t.strictSame(texts(lines), [
    'warn: some ranges were on nobody else than dt-2 or dt-3: their keys wait until it is back',
    'data moves until the ring is dt-1',
    'warn: some ranges were on nobody else than dt-3: their keys wait until it is back',
    'data moves until the ring is dt-1 dt-2',
    'warn: the ring has 0 of the 1 members it needs',
    'warn: some ranges were on nobody else than dt-1 or dt-2 or dt-3: their keys wait until it is back',
    'the ring has enough members again: each new key has 1 copy',
    'every range is on somebody who is there again',
  ])
})

function start(replicas: number) {
  const store = new ViewStore(emptyView('dt', replicas, 8))
  const lines = new LogLines()
  const epochs: number[] = []
  store.onChange(({ epoch }) => epochs.push(epoch))
  return { store, lines, epochs, keeper: new ViewKeeper(store, lines.log) }
}

/** `dt-1 dt-2(suspect)`; dt-i listens on 6000 + i. */
function members(text: string): Member[] {
  return text.split(' ').map((word) => {
    const [name, state = 'up'] = word.replace(')', '').split('(')
    return { name, host: '127.0.0.1', port: 6000 + Number(name.slice(3)), state: state as Member['state'] }
  })
}

function namesIn({ members }: { readonly members: readonly Member[] }): string[] {
  return members.map(({ name }) => name)
}

function pendingRanges({ ring, setOfRange }: View, name: string): TokenRange[] {
  return ring.ranges().filter((_, i) => namesIn({ members: setOfRange[i].pending }).includes(name))
}

function texts({ lines }: LogLines): string[] {
  return lines.map(({ level, msg }) => (level === WARN ? `warn: ${msg}` : msg))
}
