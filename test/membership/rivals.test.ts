import t from 'tap'
import { judgeRivals, othersIn, type Rival } from '../../src/membership/rivals.js'

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
