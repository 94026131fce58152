import t from 'tap'
import { isNext, judgeOwner, judgeRivals, othersIn, type Rival } from '../../src/membership/rivals.js'

const line = (id: number, name: string, idle: number) =>
  `id=${id} addr=10.0.0.7:5000${id} laddr=10.0.0.1:6379 fd=8 name=${name} age=100 idle=${idle} flags=N db=0 sub=0 cmd=get user=default`

t.test('all connections of proxies of this ring are told but for the one that asks, and no others', async (t) => {
  const list = [
    line(3, 'dt:dt:first', 0),
    line(4, 'dt:dt:mine', 0),
    line(9, 'dt:dt:mine', 3),
    line(5, 'dt:dtx:first', 0),
    line(6, '', 0),
    line(7, 'my-app', 0),
    line(8, 'dt:dt:second', 12),
  ]
  t.same(othersIn(`${list.join('\n')}\n`, 'dt', 4), [
    { id: 3, address: '10.0.0.7:50003', run: 'first', idleSeconds: 0 },
    { id: 9, address: '10.0.0.7:50009', run: 'mine', idleSeconds: 3 },
    { id: 8, address: '10.0.0.7:50008', run: 'second', idleSeconds: 12 },
  ])
  t.same(othersIn('', 'dt', 4), [])
})

t.test('an active proxy is yielded to, a silent one is not waited for', async (t) => {
  const idle = (...seconds: number[]): Rival[] =>
    seconds.map((idleSeconds, id) => ({ id, address: '', run: 'other', idleSeconds }))
  t.equal(judgeRivals([], 0), 'go on')
  t.equal(judgeRivals(idle(0), 0), 'watch', 'it may have been killed just now')
  t.equal(judgeRivals(idle(0), 1999), 'watch')
  t.equal(judgeRivals(idle(0), 2000), 'yield', 'it has been heard of in the meantime')
  t.equal(judgeRivals(idle(1), 3000), 'yield')
  t.equal(judgeRivals(idle(2), 3000), 'watch', 'not any more, it seems')
  t.equal(judgeRivals(idle(4), 9000), 'watch')
  t.equal(judgeRivals(idle(5), 0), 'go on')
  t.equal(judgeRivals(idle(5, 60, 900), 0), 'go on')
  t.equal(judgeRivals(idle(5, 0), 2000), 'yield', 'one connection of it is enough')
})

t.test('one that stands by goes on when nothing is seen of the owner, where most servers answer', async (t) => {
  const owner = (...seconds: number[]): Rival[] =>
    seconds.map((idleSeconds, id) => ({ id, address: '', run: 'owner', idleSeconds }))
  const judge = (connections: Rival[], unseenMs: number, more: object = {}) =>
    judgeOwner({ expected: 4, answered: 3, connections, clean: false, ...more }, unseenMs)
  t.equal(judge(owner(0), 9000), 'stand by')
  t.equal(judge(owner(60, 4), 9000), 'stand by', 'one connection is enough')
  t.equal(judge(owner(5, 60), 0), 'go on', 'it is stopped, or its machine is gone')
  t.equal(judge([], 0), 'stand by', 'its connections may have broken')
  t.equal(judge([], 999), 'stand by')
  t.equal(judge([], 1000), 'go on')
  t.equal(judge([], 0, { clean: true }), 'go on', 'it has stopped in order')
  t.equal(judge(owner(0), 0, { clean: true }), 'stand by')
  for (const answered of [0, 1, 2]) {
    t.equal(judge([], 9000, { answered }), 'stand by', `${answered} of 4: the owner may be at the others`)
    t.equal(judge(owner(60), 9000, { answered, clean: true }), 'stand by')
  }
  t.equal(judge([], 9000, { expected: 0, answered: 0 }), 'stand by', 'no Sentinel has answered yet')
})

t.test(
  'of several that stand by the first by its run goes on, and the others when it does not for a second',
  async (t) => {
    const other = (run: string, idleSeconds = 0) => ({ id: 1, address: '10.0.0.7:5001', run, idleSeconds })
    t.equal(isNext([], 'b', 0), true)
    t.equal(isNext([other('c')], 'b', 0), true)
    t.equal(isNext([other('c'), other('a')], 'b', 0), false)
    t.equal(isNext([other('a')], 'b', 999), false)
    t.equal(isNext([other('a')], 'b', 1000), true)
    t.equal(isNext([other('a', 5)], 'b', 0), true, 'who says nothing does not go on')
  },
)
