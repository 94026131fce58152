import t from 'tap'
import { Rota, Stint } from '../../src/client/rota.js'
import { startProxy } from '../helpers/proxy.js'
import { command } from '../helpers/raw-client.js'

/* Who sends much at once is not served in one go. */

const turnOf = (scheduled: number) => ({ scheduled, number: 0 })
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** As a client does it that has more to say. */
function serve(stint: Stint, ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
  stint.mayBeLong()
  if (stint.served()) stint.end()
}

t.test(
  'of those that take long one goes on in each turn of the event loop, of others as many as have room in it',
  async (t) => {
    const rota = new Rota()
    const state = turnOf(0)
    for (const [ms, rounds] of [
      [3, ['a', 'ab', 'abc']],
      [0, ['abc']],
    ] as const) {
      const went: string[] = []
      const stints = ['a', 'b', 'c'].map((name) => {
        const stint: Stint = new Stint(rota, state, () => {
          went.push(name)
          stint.begin(performance.now())
          const untilMs = performance.now() + ms
          while (performance.now() < untilMs);
        })
        return stint
      })
      for (const stint of stints) {
        state.number++
        stint.begin(performance.now() - 100)
        serve(stint, 0)
        t.ok(stint.isOver)
      }
      for (const sofar of rounds) {
        await turn()
        t.equal(went.join(''), sofar)
      }
      t.notOk(stints.some(({ isOver }) => isOver))
      await turn()
      t.equal(went.length, 3)
    }
  },
)

t.test('who goes on and is not done yet goes on behind the others', async (t) => {
  const rota = new Rota()
  const went: string[] = []
  let left = 6
  const stints = ['a', 'b'].map((name) => {
    const stint: Stint = new Stint(rota, turnOf(0), () => {
      went.push(name)
      stint.begin(performance.now())
      if (--left > 1) serve(stint, 3)
    })
    return stint
  })
  for (const stint of stints) serve(stint, 0)
  for (let i = 0; i < 8; i++) await turn()
  t.equal(went.join(''), 'ababab')
})

t.test('it is looked at the clock after many commands, or a long one', async (t) => {
  const state = turnOf(0)
  const stint = new Stint(new Rota(), state, () => {})
  stint.begin(performance.now() - 100)
  for (let i = 0; i < 64; i++) t.notOk(stint.served())
  t.ok(stint.served())
  t.notOk(stint.isOver, 'it has nothing more to say')
  state.number++
  stint.begin(performance.now())
  stint.mayBeLong()
  t.notOk(stint.served(), 'it has just begun')
})

t.test('all who are served in one turn share a stint', async (t) => {
  const rota = new Rota()
  const state = turnOf(0)
  const [a, b] = [0, 0].map(() => new Stint(rota, state, () => {}))
  a.begin(performance.now() - 100)
  b.begin(performance.now())
  b.mayBeLong()
  t.ok(b.served(), 'it is over with the first')
  b.begin(performance.now())
  for (let i = 0; i < 64; i++) t.notOk(b.served(), 'a little is served all the same')
  state.number++
  b.begin(performance.now())
  b.mayBeLong()
  t.notOk(b.served(), 'the next turn')
})

t.test('what the proxy itself answers has half as long', async (t) => {
  const over = (answered: boolean, agoMs: number) => {
    const stint = new Stint(new Rota(), turnOf(0), () => {})
    // Should others take the processor now it is only longer ago.
    stint.begin(performance.now() - agoMs)
    if (answered) stint.isAnsweredHere()
    else stint.mayBeLong()
    return [stint.served(), stint.lengthMs]
  }
  t.same(over(true, 1.1), [true, 1])
  t.same(over(false, 2.1), [true, 2])
  t.same(over(true, -1000), [false, 1])
})

t.test('who has told many goes on for as long as it takes to write to them', async (t) => {
  const told = [1_000_000, 100].map((scheduled) => {
    const stint = new Stint(new Rota(), turnOf(scheduled), () => {})
    stint.begin(performance.now() - 4)
    stint.mayBeLong()
    return stint.served()
  })
  t.same(told, [false, true])
})

t.test(
  'a client is answered while another one has sent hundreds of slow commands, whose answers keep their order',
  async (t) => {
    const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1 })
    const [many, one] = [await proxy.connect(), await proxy.connect()]
    await one.ask('PING')
    const count = 400
    const commands = Array.from({ length: count }, (_, i) => [
      command('LOLWUT', 'VERSION', '6'),
      command('ECHO', String(i)),
    ])
    many.send(Buffer.concat(commands.flat()))
    one.send(command('PING'))
    let answered = 0
    const all = (async () => {
      for (let i = 0; i < count; i++) {
        await many.reply()
        t.equal(String(await many.reply()).split('\r\n')[1], String(i))
        answered++
      }
    })()
    t.equal(String(await one.reply()), '+PONG\r\n')
    t.ok(answered < count, `${answered} of ${count} were answered before`)
    await all
  },
)
