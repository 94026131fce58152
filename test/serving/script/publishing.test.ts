import t from 'tap'
import type { Channels } from '../../../src/channels/channels.js'
import { frameOf } from '../../../src/resp/frame.js'
import { expectedCounts, notePublished, settlePublished } from '../../../src/serving/script/publishing.js'
import type { Called } from '../../../src/serving/script/run.js'
import { nothingLearnt } from '../../../src/serving/script/script.js'

const PUBLISH = Buffer.from('publish')
const nobody = { receivers: () => 0 } as unknown as Channels

/** A script, of which each call publishes to some channels; gives those that were expected, and at which it has stopped. */
function script() {
  const learnt = nothingLearnt()
  return (args: string[], channels: string[]) => {
    const frame = frameOf(['EVALSHA', 'f'.repeat(40), '0', ...args])
    const called = { script: { learnt }, frame, row: { replicate: 'copy' } } as unknown as Called
    const expected = expectedCounts(nobody, called).map(({ question }) => String(question[1]))
    const stoppedAt = channels.filter((channel) => !expected.includes(channel))
    for (const channel of stoppedAt) notePublished(called, [PUBLISH, Buffer.from(channel), Buffer.from('m')])
    settlePublished(
      called,
      channels.flatMap((channel) => [PUBLISH, Buffer.from(channel), Buffer.from('m')]),
    )
    return { expected, stoppedAt }
  }
}

t.test('names that are made anew each time are not expected, and displace nothing', async (t) => {
  const call = script()
  call(['a'], ['a', 'always', 'id:0'])
  call(['b'], ['b', 'always', 'id:1'])
  for (let i = 2; i < 50; i++)
    t.same(call([`${i}`], [`${i}`, 'always', `id:${i}`]), { expected: [`${i}`, 'always'], stoppedAt: [`id:${i}`] })
})

t.test('what is not used any more is forgotten', async (t) => {
  const call = script()
  for (let i = 0; i < 2; i++) call(['a'], ['a', 'once'])
  for (let i = 0; i < 8; i++) t.same(call(['a'], []).expected.sort(), ['a', 'once'])
  t.same(call(['a'], []).expected, [])
  t.same(call(['a'], ['a', 'once']).stoppedAt, ['a', 'once'], 'and learnt anew')
})

t.test('of more than there is room for the one that is used least goes', async (t) => {
  const call = script()
  for (let i = 0; i < 2; i++) call([], ['1', '2', '3', '4'])
  call([], ['1', '2', '4'])
  for (let i = 0; i < 2; i++) call([], ['1', '2', '4', '5'])
  t.same(call([], []).expected.sort(), ['1', '2', '4', '5'])
})

t.test('an argument that is there in some calls alone', async (t) => {
  const call = script()
  call(['x', 'news'], ['news'])
  t.same(call(['x'], []).expected, [])
  t.same(call(['x', 'other'], ['other']), { expected: ['other'], stoppedAt: [] })
})
