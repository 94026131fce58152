import t from 'tap'
import { lookupCommand, lookupSubcommand } from '../../src/command/table.js'
import { KEY_OF_OURS, namesOurs } from '../../src/coordinator/refuse.js'
import { frameOf } from '../../src/resp/frame.js'
import { startProxy } from '../helpers/proxy.js'
import { startScriptedRing } from '../helpers/scripted-ring.js'

/* Values are built under hidden names, and what a client did to these would get into the keys that are built there. */

const OURS = '\0dt:pieces:0'

function names(...args: string[]): boolean {
  const frame = frameOf(args)
  const { buf, argStart, argEnd } = frame
  const command = lookupCommand(buf, argStart[0], argEnd[0])!
  const sub = command.subcommands === undefined ? undefined : lookupSubcommand(command, buf, argStart[1], argEnd[1])
  return namesOurs(sub ?? command, frame)
}

t.test('a hidden name is refused wherever it stands for a key', async (t) => {
  for (const command of [
    ['SET', OURS, 'v'],
    ['XTRIM', `${OURS}`, 'MAXLEN', '5'],
    ['MGET', 'a', OURS],
    ['MSET', 'a', '1', OURS, '2'],
    ['RENAME', 'a', OURS],
    ['COPY', 'a', '\0dt:pieces:17'],
    ['SORT', 'a', 'STORE', OURS],
    ['SUNIONSTORE', OURS, 'a', 'b'],
    ['HSCAN', OURS, '0'],
    ['XGROUP', 'CREATE', OURS, 'g', '$'],
    ['OBJECT', 'ENCODING', OURS],
  ]) {
    t.ok(names(...command), command.join(' '))
  }
})

t.test('it is a value like any other, and other names may begin with a zero', async (t) => {
  for (const command of [
    ['SET', 'a', OURS],
    ['LPUSH', 'a', OURS, OURS],
    ['MSET', 'a', OURS],
    ['PING', '\0'],
  ]) {
    t.notOk(names(...command), command.join(' '))
  }
  t.notOk(names('SET', '\0dt:', 'v'))
  t.notOk(names('SET', '\0', 'v'))
})

t.test('nothing is sent to anybody', async (t) => {
  const sent: string[] = []
  const { ask } = await startScriptedRing(t, (args) => {
    if (args.includes(OURS) && args[0] !== 'UNLINK') sent.push(args.join(' '))
    return undefined
  })
  t.equal(await ask('DEL', OURS), `-${KEY_OF_OURS.message}\r\n`)
  t.same(sent, [])
})

t.test('nor between MULTI and EXEC', async (t) => {
  const { connect } = await startProxy(t)
  const client = await connect()
  t.same(
    (await client.pipeline([['MULTI'], ['DEL', OURS], ['EXEC']])).map((reply) => String(reply).split(' ')[0].trim()),
    ['+OK', '-ERR', '-EXECABORT'],
  )
})
