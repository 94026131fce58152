import t from 'tap'
import { MARKS_QUERY } from '../../src/backend/handshake.js'
import {
  decodeMarks,
  decodeState,
  encodeState,
  forgetEarlier,
  isNewer,
  type Marker,
  NO_MARKS,
  notedIn,
  type Owner,
  supersedes,
  writeGeneration,
  writeMarker,
  writeOwner,
} from '../../src/membership/marker.js'
import { NO_PROVENANCE } from '../../src/membership/provenance.js'
import { decodeReply } from '../../src/resp/decode.js'
import { buildView } from '../../src/view/build-view.js'
import type { Member } from '../../src/view/view.js'
import { RawConnection, RealRedis } from '../helpers/real-redis.js'

const member = (name: string): Member => ({ name, host: '127.0.0.1', port: 7001, state: 'up' })

const marker: Marker = {
  ringId: 'dt',
  term: 1_700_000_000,
  member: 'dt-1',
  runId: 'a'.repeat(40),
  view: buildView('dt', 7, 1, 4, [member('dt-1'), member('dt-2')]),
  removed: ['dt-9', 'dt-]]'],
  provenance: {
    file: { id: 'f'.repeat(16), where: 'here:/data/[[dt]]-state.json' },
    before: [
      { members: ['dt-1', 'dt-2'], file: 'f'.repeat(16) },
      { members: ['dt-1'], file: undefined },
    ],
    starts: [{ term: 1_700_000_000, from: { term: 1, epoch: 6 }, proven: true }],
    unguarded: false,
  },
}
const owner: Owner = {
  ringId: 'dt',
  term: 1_700_000_001,
  run: 'b'.repeat(40),
  where: 'process 1 on here',
  heartbeat: 17,
  clean: false,
  answered: new Map([
    ['dt-1', 17],
    ['dt-]]', 16],
  ]),
}

t.test('what is noted on a real server is read from it, and clients of the data do not meet it', async (t) => {
  const redis = await RealRedis.start('--appendonly', 'yes')
  t.teardown(() => redis.stop())
  const connection = await RawConnection.open(redis.port, 3)
  t.teardown(() => connection.close())
  const marks = async () => {
    const reply = await connection.ask(...MARKS_QUERY)
    return decodeMarks(decodeReply(reply, 0, reply.length))
  }
  t.strictSame(await marks(), NO_MARKS)

  t.equal(String(await connection.ask(...writeMarker(marker))), '$9\r\ndt_marker\r\n')
  t.strictSame(await marks(), { ...NO_MARKS, marker })
  t.equal(String(await connection.ask(...writeOwner(owner))), '$8\r\ndt_owner\r\n')
  t.strictSame(await marks(), { marker, owner, generations: [], unreadable: '' })

  await connection.ask('FLUSHALL')
  await connection.ask('SWAPDB', '0', '1')
  t.equal(String(await connection.ask('DBSIZE')), ':0\r\n')
  t.equal(String(await connection.ask('SCAN', '0')), '*2\r\n$1\r\n0\r\n*0\r\n')
  t.strictSame(await marks(), { marker, owner, generations: [], unreadable: '' })

  for (const number of [7, 1_850_000_000_000_017, 9]) {
    t.match(String(await connection.ask(...writeGeneration('dt', { number, runs: [owner.run] }))), `dt_g_${number}`)
  }
  const generations = [1_850_000_000_000_017, 9, 7].map((number) => ({ ringId: 'dt', number }))
  t.strictSame(await marks(), { marker, owner, generations, unreadable: '' }, 'whoever was noted last')
  t.equal(notedIn(await marks(), 'dt'), 1_850_000_000_000_017)
  t.equal(notedIn(await marks(), 'another'), 0)
  for (const command of forgetEarlier(await marks(), 9)) await connection.ask(...command)
  t.strictSame((await marks()).generations, generations.slice(0, 2))
  t.match(String(await connection.ask('FCALL_RO', 'dt_g_9', '0')), /"term":9,"runs":\["b+"\]/)
  for (const command of forgetEarlier(await marks(), Number.MAX_SAFE_INTEGER)) await connection.ask(...command)

  const later = { ...owner, heartbeat: 18, clean: true, acknowledged: { term: 1_700_000_001, epoch: 7 } }
  await connection.ask(...writeOwner(later))
  t.strictSame((await marks()).owner, later, 'the later one is in its place')
  t.match(String(await connection.ask('FCALL_RO', 'dt_owner', '0')), /"heartbeat":18,"clean":true/)

  for (const name of ["it's", ']]', ']=] ]==]', '"\\', '\u0000\r\n\u2028', 'ä€😀', '\ud800', '-- ]]}', '\\n']) {
    const odd = { ...marker, member: name, view: buildView('dt', 8, 1, 1, [member(name)]) }
    t.equal(String(await connection.ask(...writeMarker(odd))), '$9\r\ndt_marker\r\n', Buffer.from(name).toString('hex'))
    t.strictSame((await marks()).marker, odd)
  }

  await connection.ask('FUNCTION', 'LOAD', 'REPLACE', "#!lua name=other\nredis.register_function('f', function() end)")
  t.equal((await marks()).unreadable, '', 'libraries of others are not ours to read')
  await connection.ask(
    'FUNCTION',
    'LOAD',
    'REPLACE',
    "#!lua name=dt_owner\nredis.register_function('g', function() end)",
  )
  t.equal((await marks()).unreadable, 'it was not written by this program')
  await connection.ask('FUNCTION', 'FLUSH')
  t.strictSame(await marks(), NO_MARKS)
})

t.test('marks of another version, or broken ones, are said to be so', async (t) => {
  const [, , , code] = writeOwner(owner)
  const inLibrary = (text: string) => {
    const reply = Buffer.from(
      `*1\r\n%2\r\n$12\r\nlibrary_name\r\n$8\r\ndt_owner\r\n$12\r\nlibrary_code\r\n$${Buffer.byteLength(text)}\r\n${text}\r\n`,
    )
    return decodeMarks(decodeReply(reply, 0, reply.length))
  }
  t.strictSame(inLibrary(code).owner, owner)
  for (const [from, to, reason] of [
    ['"v":2', '"v":3', /its version is 3/],
    ['"v":2', '"v":', /it is no JSON/],
    ['"ring":"dt"', '"ring":7', /its ring or its term is missing/],
    ['"term":1700000001', '"term":-1', /its ring or its term is missing/],
    ['"heartbeat":17', '"heartbeat":1.5', /the owner is not told/],
    ['"clean":false', '"clean":0', /the owner is not told/],
  ] as const) {
    t.match(inLibrary(code.replace(from, to)), { owner: undefined, unreadable: reason }, to)
  }
})

t.test('the state file holds what a marker has of the view', async (t) => {
  const { ringId, term, view, removed, provenance } = marker
  const record = { ringId, term, view, removed, provenance }
  t.strictSame(decodeState(encodeState(record, term + 1)), { record, owner: term + 1 })
  const answered = new Map([['dt-1', 17]])
  t.strictSame(decodeState(encodeState({ ...record, answered }, term)).record, { ...record, answered })
  const older = encodeState(record, term)
    .replace('"v":2', '"v":1')
    .replace(/,"removed":.*/, '}')
  const inOlder = { ...record, removed: [], provenance: NO_PROVENANCE }
  t.strictSame(decodeState(older), { record: inOlder, owner: term }, 'the first version knew nothing of these')
  for (const [from, to] of [
    ['["dt-9"', '[9'],
    ['"before":[[["dt-1"', '"before":[[[1'],
    ['"unguarded":false', '"unguarded":0'],
    ['"file":["', '"file":[1,"'],
    ['"starts":[[17', '"starts":[["17"'],
  ]) {
    t.throws(() => decodeState(encodeState(record, term).replace(from, to)), { name: 'ViewFormatError' }, to)
  }
  for (const text of ['', 'null', '{"v":1}', '{"v":1,"ring":"dt","term":1,"view":{}}']) {
    t.throws(() => decodeState(text), { name: 'ViewFormatError' }, text)
  }
})

t.test('a later term counts before a higher epoch, and before another run', async (t) => {
  const at = (term: number, epoch: number) => ({
    ringId: 'dt',
    term,
    view: buildView('dt', epoch, 1, 1, []),
    removed: [],
    provenance: NO_PROVENANCE,
  })
  t.equal(isNewer(at(2, 1), at(1, 9)), true)
  t.equal(isNewer(at(1, 9), at(2, 1)), false)
  t.equal(isNewer(at(1, 9), at(1, 8)), true)
  t.equal(isNewer(at(1, 9), at(1, 9)), false)
  t.equal(supersedes({ term: 2, run: 'a' }, { term: 1, run: 'b' }), true)
  t.equal(supersedes({ term: 1, run: 'b' }, { term: 2, run: 'a' }), false)
  t.equal(supersedes({ term: 1, run: 'b' }, { term: 1, run: 'a' }), true, 'two of one moment agree on one of them')
  t.equal(supersedes({ term: 1, run: 'a' }, { term: 1, run: 'b' }), false)
})
