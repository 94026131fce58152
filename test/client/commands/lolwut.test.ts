import t from 'tap'
import { drawRing } from '../../../src/client/commands/lolwut.js'
import { buildView } from '../../../src/view/build-view.js'
import { startProxy, startRedis } from '../../helpers/proxy.js'
import { readReply, textOf } from '../../helpers/raw-reply.js'

const member = (name: string) => ({ name, host: '127.0.0.1', port: 1, state: 'up' as const })

t.test('the picture shows each member where it owns the circle', async (t) => {
  const view = buildView('dt', 7, 0, 1, ['a', 'b'].map(member))
  const picture = drawRing(view)
  t.equal(picture.length, 19)
  t.match(picture[9], /epoch 7/)
  const drawn = picture.join('').replace('epoch 7', '')
  const share = drawn.replace(/[^1]/g, '').length / drawn.replace(/[^12]/g, '').length
  t.ok(Math.abs(share - view.ring.share('a')) < 0.1, `${share} of the places, ${view.ring.share('a')} of the ring`)
  t.match(drawRing(buildView('dt', 0, 2, 64, []))[9], /^ +no members$/)
})

t.test('LOLWUT takes the versions that Redis takes', async (t) => {
  const client = await (await startProxy(t, { nodes: 2, replicas: 1, sentinels: 1 })).connect()
  const plain = await (await startRedis(t)).connect()
  for (const args of [[], ['VERSION', '5'], ['version', '6', '30', '4'], ['VERSION'], ['1', '2', 'x']]) {
    const text = textOf(readReply(await client.ask('LOLWUT', ...args)))
    t.match(text, /Redis ver\. 7\.0\.15\n$/, args.join(' '))
    t.match(text, /^ {2}1 dt-1 +\d+\.\d %$/m)
  }
  for (const version of ['x', '', '1.5', '9223372036854775808']) {
    const [ours, theirs] = await Promise.all([client, plain].map((each) => each.ask('LOLWUT', 'VERSION', version)))
    t.equal(ours.toString(), theirs.toString(), version)
  }
})
