import t from 'tap'
import { Rota, Stint } from '../../src/client/rota.js'
import { startProxy } from '../helpers/proxy.js'
import { command } from '../helpers/raw-client.js'

/* Who sends much at once is not served in one go. */

const turnOf = (scheduled: number) => ({ scheduled })
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

t.test('of those that have taken long one goes on in each turn of the event loop', async (t) => {
  const rota = new Rota()
  const went: string[] = []
  const stints = ['a', 'b', 'c'].map((name) => new Stint(rota, turnOf(0), () => went.push(name)))
  for (const stint of stints) {
    stint.begin(performance.now() - 100)
    stint.mayBeLong()
    stint.served()
    t.ok(stint.isOver)
  }
  for (const sofar of ['a', 'ab', 'abc']) {
    await turn()
    t.equal(went.join(''), sofar)
  }
  t.notOk(stints.some(({ isOver }) => isOver))
})

t.test('it is looked at the clock after many commands, or a long one', async (t) => {
  const stint = new Stint(new Rota(), turnOf(0), () => {})
  stint.begin(performance.now() - 100)
  for (let i = 0; i < 64; i++) stint.served()
  t.notOk(stint.isOver)
  stint.served()
  t.ok(stint.isOver)
  stint.goOn()
  stint.begin(performance.now())
  stint.mayBeLong()
  stint.served()
  t.notOk(stint.isOver, 'it has just begun')
})

t.test('who has told many goes on for as long as it takes to write to them', async (t) => {
  const stints = [1_000_000, 100].map((told) => new Stint(new Rota(), turnOf(told), () => {}))
  for (const stint of stints) {
    stint.begin(performance.now() - 4)
    stint.mayBeLong()
    stint.served()
  }
  t.same(
    stints.map(({ isOver }) => isOver),
    [false, true],
  )
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
