import t, { type Test } from 'tap'
import { startScriptedRing } from '../../helpers/scripted-ring.js'
import { bulk, type Script } from '../../helpers/scripted-server.js'

const SOURCE = "#!lua name=one\nredis.register_function('f', function() end)"
const LISTED = `*1\r\n%3\r\n${bulk('library_name')}${bulk('x')}${bulk('engine')}${bulk('LUA')}${bulk('functions')}*1\r\n%3\r\n${bulk('name')}${bulk('f')}${bulk('description')}_\r\n${bulk('flags')}~0\r\n`
const FULL = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"

const takes: Script = ([command, sub, , name]) => {
  if (`${command} ${sub}` === 'FUNCTION LOAD') return bulk('x')
  return `${command} ${sub}` === 'FUNCTION LIST' && name?.startsWith('dt_t_') ? LISTED : undefined
}

/** A library is loaded, and one server of three refuses records whose names begin so: what the others have then. */
async function refused(t: Test, begin: string): Promise<string[]> {
  const ring = await startScriptedRing(t, takes)
  ring.servers[1].script = (args, socket) =>
    args[2] === 'REPLACE' && args[3].startsWith(`#!lua name=${begin}`) ? FULL : takes(args, socket)
  t.equal(await ring.ask('FUNCTION', 'LOAD', SOURCE), FULL)
  await Promise.all(ring.order.router.links.map((link) => link.call(['PING'])))
  const there = new Set<string>()
  for (const [command, sub, word, code] of ring.servers[0].received) {
    if (command !== 'FUNCTION') continue
    if (sub === 'LOAD' && word === 'REPLACE') there.add(/name=(dt_[a-z]+)/.exec(code)![1])
    if (sub === 'DELETE') there.delete(/^dt_[a-z]+/.exec(word)![0])
  }
  return [...there].sort()
}

t.test('a library that not all keep is removed from those who have it', async (t) => {
  t.same(await refused(t, 'dt_f_'), [])
})

t.test(
  'an index that not all have does not count, but who has it has what it names: the next start may go by it',
  async (t) => {
    t.same(await refused(t, 'dt_kept'), ['dt_f', 'dt_kept'])
  },
)
