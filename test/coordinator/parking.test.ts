import t from 'tap'
import { HIDDEN_NAME, PARKED_NAMES } from '../../src/order/pieces/hidden-name.js'
import { Parking } from '../../src/order/pieces/parking.js'
import { frameOf } from '../../src/resp/frame.js'
import type { Teardown } from '../helpers/proxy.js'
import { until } from '../helpers/until.js'
import { PiecesStory } from './pieces-story.js'

/** A story with a large hash on the source, and what parks it on the target. */
async function begin(test: Teardown) {
  const story = await PiecesStory.begin(test)
  const fields = Array.from({ length: 3000 }, (_, i) => [`field ${i}`, `value ${i}`]).flat()
  await story.on('source', 'HSET', 'k', ...fields)
  const { source, target } = story.links
  const value = { id: '0:k', bytes: 300_000, source, targets: [target], db: 0 }
  return { story, source, target, value, parking: new Parking(story.lanes, story.pieces) }
}

t.test('what waits for a place on the members keeps no key', async (t) => {
  const { story, source, target, value, parking } = await begin(t)
  await story.pieces.slots.enter([target])
  const name = parking.newName()
  const parked = parking.copy(value, name, true)
  await source.call(['PING'])
  t.equal(story.lanes.isHeld(source, '0:k'), false, 'writes of it go on')
  story.pieces.slots.leave([target])
  t.strictSame(await parked, { deadline: -1 })
  t.equal(String(await story.on('target', 'HLEN', name)), ':3000\r\n')
  parking.end()
  await story.quiet()
  await story.nothingIsLeft()
})

t.test('who would not wait is told that others have the place', async (t) => {
  const { story, source, value, parking } = await begin(t)
  await story.pieces.slots.enter([source])
  t.equal(await parking.copy(value, parking.newName(), false), 'busy')
  t.equal(story.lanes.active, 0)
  parking.end()
})

t.test('what is given up while it waits for a place is over at once, and nobody waits behind it', async (t) => {
  const { story, source, target, value, parking } = await begin(t)
  const { slots } = story.pieces
  await slots.enter([target])
  const parked = parking.copy(value, parking.newName(), true)
  await source.call(['PING'])
  parking.end()
  t.equal(story.lanes.active, 0, 'nothing is held')
  t.equal(slots.take([source]), true, 'nor reserved')
  t.match(await parked, { reason: 'it is not wanted any more' })
  slots.leave([source, target])
  await story.nothingIsLeft()
})

t.test('what is given up before its turn in the lane, or while it is read, holds nothing any more', async (t) => {
  const { story, source, value } = await begin(t)
  const release = story.lanes.hold(source, ['0:k'], { emit: () => {}, dropped: () => {}, covered: () => {} })
  const early = new Parking(story.lanes, story.pieces)
  const waiting = early.copy(value, early.newName(), true)
  early.end()
  t.match(await waiting, { reason: 'it is not wanted any more' })
  release()
  t.equal(story.lanes.active, 0)
  const late = new Parking(story.lanes, story.pieces)
  const copying = late.copy(value, late.newName(), true)
  await source.call(['PING'])
  t.equal(story.lanes.isHeld(source, '0:k'), true, 'it is read')
  late.end()
  t.equal(story.lanes.isHeld(source, '0:k'), false)
  t.match(await copying, { reason: /./ })
  await story.quiet()
  await story.nothingIsLeft()
  t.equal(story.pieces.areAnyHidden, false)
})

t.test('nothing is made any more when it is over', async (t) => {
  const { story, target, parking } = await begin(t)
  const name = parking.newName()
  parking.end()
  await parking.make(target, 0, [{ name, by: frameOf(['SET', name, 'small']) }])
  await story.quiet()
  await story.nothingIsLeft()
  t.equal(story.pieces.areAnyHidden, false)
})

t.test('links are kept for who has waited for them, but not for long', async (t) => {
  const { story, source, target } = await begin(t)
  const { slots } = story.pieces
  const place = slots.ask([source, target])
  t.equal(await place.isKept, true)
  t.equal(slots.take([target]), false)
  const next = slots.enter([target])
  await next
  t.equal(place.take([source, target]), false, 'it came too late')
  slots.leave([target])
  t.equal(slots.take([source, target]), true)
  const other = slots.ask([source])
  slots.leave([source, target])
  t.equal(other.take([target]), false, 'others than were asked for')
  t.equal(slots.take([source]), true)
})

/** The target refuses all writes, or does not any more. */
const refuses = (story: PiecesStory, isSo: boolean) =>
  story.on('target', 'CONFIG', 'SET', 'min-replicas-to-write', isSo ? '1' : '0')

t.test(
  'what a server refuses to remove is removed when it does not any more, but for what is parked by then',
  async (t) => {
    const { story, source, value, parking } = await begin(t)
    const other = new Parking(story.lanes, story.pieces)
    const [name, othersName] = [parking.newName(), other.newName()]
    for (const [each, as] of [
      [parking, name],
      [other, othersName],
    ] as const)
      t.strictSame(await each.copy(value, as, true), { deadline: -1 })
    await refuses(story, true)
    parking.end()
    await story.links.target.call(['PING'])
    t.equal(String(await story.on('target', 'EXISTS', name)), ':1\r\n')
    t.equal(story.pieces.areAnyHidden, true, 'whoever counts keys looks at their names')
    await refuses(story, false)
    await until('it is gone', async () => String(await story.on('target', 'EXISTS', name)) === ':0\r\n')
    await until('nor is it listed', async () => {
      return String(await story.on('target', 'SMISMEMBER', PARKED_NAMES, name, othersName)) === '*2\r\n:0\r\n:1\r\n'
    })
    t.equal(String(await story.on('target', 'HLEN', othersName)), ':3000\r\n')
    t.equal(source.ready, true)
    other.end()
    await story.nothingIsLeft()
    t.equal(story.pieces.areAnyHidden, false)
  },
)

t.test('what a server refuses to remove when its link is up is removed later', async (t) => {
  const { story, target } = await begin(t)
  for (const db of ['0', '5']) {
    await story.on('target', 'SELECT', db)
    await story.on('target', 'SADD', PARKED_NAMES, '\0dt:pieces:p7')
    await story.on('target', 'SET', '\0dt:pieces:p7', 'left by another process')
    await story.on('target', 'SET', HIDDEN_NAME, 'left by another process')
  }
  const isLeft = async () => String(await story.on('target', 'INFO', 'keyspace')).includes('keys=3')
  await refuses(story, true)
  target.reset('the test breaks it')
  await until('it is up', () => target.ready)
  await target.call(['PING'])
  t.equal(await isLeft(), true)
  await refuses(story, false)
  await until('nothing is left', async () => !(await isLeft()))
  for (const db of ['0', '5']) {
    await story.on('target', 'SELECT', db)
    await until(`nothing is left in ${db}`, async () => String(await story.on('target', 'DBSIZE')) === ':0\r\n')
  }
})

t.test('what is left of a copy is not removed while another one is built there', async (t) => {
  const { story, target } = await begin(t)
  await story.on('target', 'SET', HIDDEN_NAME, 'left')
  await refuses(story, true)
  t.equal(story.pieces.slots.take([target]), true)
  story.pieces.leftovers.removeBuilt(target, 0)
  await target.call(['PING'])
  await refuses(story, false)
  await until('it would be tried again', () => story.sweeps === 1)
  t.equal(String(await story.on('target', 'EXISTS', HIDDEN_NAME)), ':1\r\n')
  story.pieces.slots.leave([target])
  await story.nothingIsLeft()
})
