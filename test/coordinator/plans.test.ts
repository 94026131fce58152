import type { Socket } from 'node:net'
import t from 'tap'
import type { CommandInfo } from '../../src/command/command-info.js'
import { learn, rowNamed } from '../../src/command/table.js'
import { frameOf } from '../../src/resp/frame.js'
import { isPlanned, planOf } from '../../src/serving/several/plans.js'
import { PlanRun } from '../../src/serving/several/run-plan.js'
import { slotFor } from '../helpers/fake-slot.js'
import { startTwoApart, toldIn } from '../helpers/scripted-ring.js'
import { bulk } from '../helpers/scripted-server.js'
import { until } from '../helpers/until.js'

t.test('what has expired since the look is looked for again', async (t) => {
  let looks = 0
  const { ring, one, other } = await startTwoApart(t, (args) => {
    if (args[0] === 'LLEN') return args[1] === one ? `:${looks++ === 0 ? 1 : 0}\r\n` : ':1\r\n'
    if (args[0] === 'LMPOP') return args[2] === one ? '_\r\n' : '*2\r\n$1\r\nk\r\n*1\r\n$1\r\ne\r\n'
    return undefined
  })
  t.equal(await ring.ask('LMPOP', '2', one, other, 'LEFT', 'COUNT', '2'), '*2\r\n$1\r\nk\r\n*1\r\n$1\r\ne\r\n')
  t.same(toldIn(ring, 'LMPOP').sort(), [`LMPOP 1 ${one} LEFT COUNT 2`, `LMPOP 1 ${other} LEFT COUNT 2`].sort())
})

t.test('nothing is taken away when nobody knows whether it was added', async (t) => {
  const { ring, one, other } = await startTwoApart(t, (args, socket) => {
    if (args[0] === 'LINDEX') return bulk('e')
    if (args[0] === 'LLEN') return ':0\r\n'
    if (args[0] === 'RPUSH') socket.destroy()
    return undefined
  })
  const reply = await ring.ask('LMOVE', one, other, 'LEFT', 'RIGHT')
  t.match(reply, /^-ERR the outcome of this write is unknown: .* \(nothing was taken from the source\)\r\n$/)
  t.same(toldIn(ring, 'RPUSH'), [`RPUSH ${other} e`], 'nor is it added again')
  t.same(toldIn(ring, 'LPOP'), [])
  t.equal(ring.order.gates.active, 0)
})

t.test('a look that is lost is repeated when its server is back, and the gates are open meanwhile', async (t) => {
  let looks = 0
  const { ring, one, other } = await startTwoApart(t, (args, socket) => {
    if (args[0] === 'LINDEX' && looks++ === 0) socket.destroy()
    if (args[0] === 'LINDEX') return bulk('e')
    if (args[0] === 'LLEN') return ':0\r\n'
    if (args[0] === 'RPUSH') return ':1\r\n'
    return args[0] === 'LPOP' ? bulk('e') : undefined
  })
  const [away] = ring.replicasOf(one)
  away.onConnection = (socket) => socket.destroy()
  const reply = ring.ask('LMOVE', one, other, 'LEFT', 'RIGHT')
  await until('it has looked', () => looks === 1)
  t.equal(await ring.ask('RPUSH', other, 'x'), ':1\r\n')
  away.onConnection = () => {}
  t.equal(await reply, '$1\r\ne\r\n')
  t.same(toldIn(ring, 'RPUSH'), [`RPUSH ${other} x`, `RPUSH ${other} e`])
  t.same(toldIn(ring, 'LPOP'), [`LPOP ${one}`])
})

t.test('a MSETNX of which one server refuses its keys says that others were written', async (t) => {
  const { ring, one, other } = await startTwoApart(t, (args) => {
    if (args[0] === 'EXISTS') return ':0\r\n'
    if (args[0] === 'MSET') return args[1] === one ? '+OK\r\n' : '-MISCONF disk\r\n'
    return undefined
  })
  const reply = await ring.ask('MSETNX', one, '1', other, '2')
  t.equal(reply, "-MISCONF disk (other keys of this 'msetnx' were written)\r\n")
})

/** As Redis 8.4 tells of it. */
const MSETEX: CommandInfo = {
  ...{ name: 'msetex', arity: -4, flags: ['write', 'denyoom', 'movablekeys'], categories: [], tips: [] },
  ...{ firstKey: 0, lastKey: 0, keyStep: 0, subcommands: [] },
  keySpecs: [
    {
      flags: ['OW', 'update'],
      beginSearch: { type: 'index', index: 1 },
      findKeys: { type: 'keynum', keynumidx: 0, firstkey: 1, keystep: 2 },
    },
  ],
}

t.test('MSETEX with a deadline sets its keys in one turn, and says what became of all of them', async (t) => {
  learn([MSETEX])
  const sets: { key: string; socket: Socket }[] = []
  let says: Record<string, string> = {}
  const { ring, one, other } = await startTwoApart(t, ([name, key], socket) => {
    if (name !== 'SET') return undefined
    sets.push({ key, socket })
    return ''
  })
  const setsBoth = async () => {
    const frame = frameOf(['MSETEX', '2', one, '1', other, '2', 'PX', '60000'])
    const reply = new Promise<string>((done) =>
      new PlanRun(ring.order, frame, rowNamed('msetex')!, slotFor(done, 3)).run(),
    )
    await until('both are on their way', () => sets.length === 2)
    for (const { key, socket } of sets.splice(0)) socket.write(says[key] ?? '+OK\r\n')
    return reply
  }
  t.equal(await setsBoth(), ':1\r\n')
  for (const [refusing, written] of [
    [one, other],
    [other, one],
  ]) {
    says = { [refusing]: '-MISCONF disk\r\n', [written]: '+OK\r\n' }
    t.equal(await setsBoth(), "-MISCONF disk (other keys of this 'msetex' were written)\r\n")
  }
  says = { [one]: '-MISCONF disk\r\n', [other]: '-MISCONF disk\r\n' }
  t.equal(await setsBoth(), '-MISCONF disk\r\n')
  t.equal(ring.order.gates.active, 0)
})

t.test('what is looked at, and what is written then', async (t) => {
  const plan = (...args: string[]) => {
    const row = rowNamed(args[0].toLowerCase())!
    const planned = planOf(row, row.plan!, frameOf(args))
    if (!isPlanned(planned)) throw new Error('it is an error')
    return planned
  }
  const words = (lists: readonly (readonly (Buffer | string)[])[]) => lists.map((list) => list.map(String).join(' '))
  const e = Buffer.from('e')
  const moved = plan('LMOVE', 'a', 'b', 'RIGHT', 'LEFT')
  t.same(words(moved.looks), ['LINDEX a -1', 'LLEN b'])
  const decision = moved.decide([e, 3])
  t.ok('writes' in decision && words(decision.writes).join() === 'LPUSH b e,RPOP a')
  t.same(plan('RPOPLPUSH', 'a', 'b').looks.map(String), moved.looks.map(String))
  t.same(moved.decide([null, 3]), { reply: null })
  const member = plan('SMOVE', 'a', 'b', 'm')
  t.same(words(member.looks), ['SCARD a', 'SCARD b', 'SISMEMBER a m'])
  t.same(member.decide([0, 1, 0]), { reply: 0 })
  t.same(member.decide([2, 1, 0]), { reply: 0 })
  const all = plan('MSETNX', 'a', '1', 'b', '2')
  t.same(words(all.looks), ['EXISTS a b'])
  t.same(all.decide([1]), { reply: 0 })
  const set = all.decide([0])
  t.ok('writes' in set && words(set.writes).join() === 'MSET a 1 b 2')
})
