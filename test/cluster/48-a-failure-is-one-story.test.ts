import t from 'tap'
import { breakLink } from '../helpers/break-link.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy } from '../helpers/proxy.js'
import { comeBack, declareDown } from '../helpers/sentinels.js'
import { until } from '../helpers/until.js'

/* What the log tells of a failure has one id, from its first sign until all is as before. */

t.test('a member dies, and is filled again', async (t) => {
  const lines = new LogLines()
  const { ring, connect, connectTo } = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1, log: lines.log })
  const client = await connect()
  await client.pipeline(Array.from({ length: 300 }, (_, i) => ['SET', `key:${i}`, 'x']))
  await until('all stories of the start are over', () => storiesOf(lines).every(({ isOver }) => isOver))
  const before = lines.lines.length

  await ring.kill('dt-2')
  await declareDown(ring, 'dt-2')
  await until('the others have its data', () => names(lines, before).includes('data-moved'))
  await comeBack(ring, 'dt-2')
  await until('it is whole', () => names(lines, before).includes('member-whole'))
  const whole = () => names(lines, before).indexOf('member-whole')
  const isDeleted = (event: unknown, i: number) => event === 'displaced-deleted' && i > whole()
  await until('what the others had for it is deleted', () => names(lines, before).some(isDeleted))

  const told = lines.lines.slice(before)
  const [id, ...others] = new Set(told.flatMap(({ incident }) => (incident === undefined ? [] : [incident])))
  t.same(others, [], 'one story')
  t.match(id, /^[0-9a-f]{8}$/)
  const story = told.filter(({ incident }) => incident === id).map(({ event }) => event)
  for (const event of ['link-lost', 'member-suspect', 'member-down', 'data-moves', 'migration-done', 'data-moved']) {
    t.ok(story.includes(event), event)
  }
  for (const event of ['link-up', 'member-joined', 'migration-begun']) t.ok(story.includes(event), event)
  t.ok(story.indexOf('displaced-deleted') > story.indexOf('member-whole'), 'what comes of it in the end as well')
  const outside = told.filter(({ incident }) => incident === undefined)
  t.same(
    outside.map(({ event, member }) => [event, member]),
    [],
    'and nothing is outside of it',
  )

  const end = lines.lines.length
  const direct = await connectTo('dt-2')
  await breakLink(direct)
  await until('a connection that breaks is a short story', () => names(lines, end).includes('member-whole'))
  const short = new Set(lines.lines.slice(end).flatMap(({ incident }) => (incident === undefined ? [] : [incident])))
  short.delete(id) // What still comes of the first one.
  t.equal(short.size, 1)
})

function names({ lines }: LogLines, from: number): unknown[] {
  return lines.slice(from).map(({ event }) => event)
}

/** By their ids, whether each has an end. */
function storiesOf({ lines }: LogLines): { id: unknown; isOver: boolean }[] {
  const ids = new Set(lines.flatMap(({ incident }) => (incident === undefined ? [] : [incident])))
  return [...ids].map((id) => ({
    id,
    isOver: lines.some((line) => line.incident === id && line.event === 'member-whole'),
  }))
}
