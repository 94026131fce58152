import t from 'tap'
import { rowNamed } from '../../src/command/table.js'
import { error, type Reply } from '../../src/resp/encode.js'
import { frameOf } from '../../src/resp/frame.js'
import { parseRequest } from '../../src/resp/request-parser.js'
import { effectOf, questionBehind, serverChooses } from '../../src/serving/effects.js'

const text = (frame: ReturnType<typeof frameOf> | undefined) => frame && parseRequest(frame).map(String).join(' ')

function parts(line: string) {
  const frame = frameOf(line.split(' '))
  return { frame, row: rowNamed(line.split(' ')[0].toLowerCase())! }
}

/** What the others get of a command. */
function effect(line: string, reply: Reply, left?: Reply): string | undefined {
  const { frame, row } = parts(line)
  return text(effectOf(row, frame, reply, left)?.frame)
}

function question(line: string): string | undefined {
  const { frame, row } = parts(line)
  return text(questionBehind(row, frame))
}

const id = Buffer.from('5-1')
/** A reply to XRANGE. */
const first = (entry: string): Reply => [[Buffer.from(entry), [Buffer.from('f'), Buffer.from('v')]]]

t.test('what a server chooses, and what all do alike', async (t) => {
  const chooses = (line: string, copies = 3) => {
    const { frame, row } = parts(line)
    return serverChooses(row, frame, copies)
  }
  for (const line of [
    'SPOP k',
    'XADD k * f v',
    'XADD k MAXLEN ~ 5 * f v',
    'xadd k nomkstream minid ~ 5-1 limit 7 5-2 f v',
    'XADD k MAXLEN ~ 5 5-* f v',
    'XTRIM k MAXLEN ~ 5',
    'XTRIM k MINID ~ 5 LIMIT 10',
    'XAUTOCLAIM k g c 1000 0-0',
  ]) {
    t.ok(chooses(line), line)
  }
  for (const line of [
    'XADD k 5-1 f v',
    'XADD k 5-* f ~',
    'XADD k MAXLEN 5 5-1 f v',
    'XADD k MAXLEN = 5 5-1 MAXLEN ~',
    'XADD k',
    'XTRIM k MAXLEN 5',
    'XTRIM k MINID = 5-1',
    'XTRIM k',
  ]) {
    t.notOk(chooses(line), line)
  }
  t.notOk(chooses('XADD k MAXLEN ~ 5 5-1 f v', 1), 'a single copy may be trimmed as its server likes')
  t.notOk(chooses('XTRIM k MAXLEN ~ 5', 1))
  t.ok(chooses('XADD k MAXLEN ~ 5 * f v', 1))
})

t.test('what was trimmed about right is asked behind the command', async (t) => {
  t.equal(question('SPOP k'), undefined)
  t.equal(question('XADD k * f v'), undefined)
  t.equal(question('XADD k MAXLEN = 7 * f v'), undefined)
  t.equal(question('XADD k MAXLEN ~ 7 * f v'), 'XLEN k')
  t.equal(question('XTRIM k LIMIT 5 maxlen ~ 7'), 'XLEN k')
  t.equal(question('XTRIM k MINID ~ 7'), 'XRANGE k - + COUNT 1')
})

t.test('the others get the id of the reply', async (t) => {
  t.equal(effect('XADD k * f v', id), 'XADD k 5-1 f v')
  t.equal(effect('XADD k NOMKSTREAM MAXLEN = 3 * limit *', id), 'XADD k NOMKSTREAM MAXLEN = 3 5-1 limit *')
  t.equal(effect('XADD k NOMKSTREAM * f v', null), undefined)
  t.equal(effect('XADD k * f v', error('ERR no')), undefined)
})

t.test('the others trim to what the master has left', async (t) => {
  t.equal(effect('XADD k MAXLEN ~ 50 * f v', id, 57), 'XADD k MAXLEN = 57 5-1 f v')
  t.equal(effect('XADD k NOMKSTREAM maxlen ~ 50 LIMIT 9 5-1 f v', id, 57), 'XADD k NOMKSTREAM maxlen = 57 5-1 f v')
  t.equal(effect('XADD k LIMIT 9 MAXLEN ~ 50 KEEPREF * limit 1', id, 57), 'XADD k MAXLEN = 57 KEEPREF 5-1 limit 1')
  t.equal(effect('XADD k MAXLEN ~ 0 * f v', id, 0), 'XADD k MAXLEN = 0 5-1 f v')
  t.equal(effect('XTRIM k MAXLEN ~ 50 LIMIT 100', 100, 57), 'XTRIM k MAXLEN = 57')
  t.equal(effect('XTRIM k MAXLEN ~ 50', 0, 57), undefined, 'nothing was trimmed')
  t.equal(effect('XTRIM k MINID ~ 50', 100, first('44-7')), 'XTRIM k MINID = 44-7')
  t.equal(effect('XADD k MINID ~ 50-3 LIMIT 5 * f v', id, first('50-2')), 'XADD k MINID = 50-2 5-1 f v')
  t.equal(effect('XTRIM k MINID ~ +50', 100, first('44-7')), 'XTRIM k MINID = 44-7', 'a spelling that Redis takes')
})

t.test('they never trim more than the client allows', async (t) => {
  // The master has lost what it had, or its key has just expired: the others have not.
  t.equal(effect('XADD k MAXLEN ~ 50 * f v', id, 1), 'XADD k MAXLEN = 50 5-1 f v')
  t.equal(effect('XTRIM k MAXLEN ~ 50', 3, 0), 'XTRIM k MAXLEN = 50')
  const max = '9223372036854775807'
  t.equal(effect(`XADD k MAXLEN ~ ${max} * f v`, id, 8), `XADD k MAXLEN = ${max} 5-1 f v`)
  t.equal(effect('XADD k MINID ~ 4 * f v', id, first('5-1')), 'XADD k MINID = 4 5-1 f v')
  t.equal(effect('XADD k MINID ~ 4-9 * f v', id, first('4-10')), 'XADD k MINID = 4-9 5-1 f v')
  t.equal(effect('XTRIM k MINID ~ 4', 7, []), 'XTRIM k MINID = 4')
})

t.test('what was idle for long enough on the master is claimed by the others, however idle it is there', async (t) => {
  const entry = (name: string): Reply => [Buffer.from(name), [Buffer.from('f'), Buffer.from('v')]]
  const reply = (claimed: Reply[], dropped: string[]): Reply => [Buffer.from('0-0'), claimed, dropped.map(Buffer.from)]
  t.equal(
    effect('XAUTOCLAIM k g c 1000 0 COUNT 10', reply([entry('1-1'), entry('2-1')], ['1-5'])),
    'XCLAIM k g c 0 1-1 2-1 1-5',
  )
  t.equal(
    effect('xautoclaim k g c 1000 0 count 10 justid', reply([Buffer.from('1-1')], [])),
    'XCLAIM k g c 0 1-1 JUSTID',
  )
  t.equal(effect('XAUTOCLAIM k g justid 1000 0', reply([entry('1-1')], [])), 'XCLAIM k g justid 0 1-1')
  t.equal(effect('XAUTOCLAIM k g c 1000 0', reply([], ['1-1'])), 'XCLAIM k g c 0 1-1')
  t.equal(
    effect('XAUTOCLAIM k g c 1000 3-0 COUNT 5', reply([], [])),
    `XAUTOCLAIM k g c ${Number.MAX_SAFE_INTEGER} 3-0 COUNT 5`,
    'nothing: the consumer may have been made',
  )
  t.equal(effect('XAUTOCLAIM k g c 1000 0', error('NOGROUP')), undefined)
})
