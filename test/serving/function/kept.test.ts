import t, { type Test } from 'tap'
import { INDEX, indexIn, type KeptIndex } from '../../../src/serving/function/records.js'
import { startScriptedRing } from '../../helpers/scripted-ring.js'
import { bulk, type Script, type ScriptedServer } from '../../helpers/scripted-server.js'
import { until } from '../../helpers/until.js'

const SOURCE = "#!lua name=one\nredis.register_function('f', function() end)"
const LISTED = `*1\r\n%3\r\n${bulk('library_name')}${bulk('x')}${bulk('engine')}${bulk('LUA')}${bulk('functions')}*1\r\n%3\r\n${bulk('name')}${bulk('f')}${bulk('description')}_\r\n${bulk('flags')}~0\r\n`
const FULL = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
const REFUSED = '-MISCONF it cannot write to its disk\r\n'

const takes: Script = ([command, sub, , name]) => {
  if (`${command} ${sub}` === 'FUNCTION LOAD') return bulk('x')
  return `${command} ${sub}` === 'FUNCTION LIST' && name?.startsWith('dt_t_') ? LISTED : undefined
}

/** Something is loaded, and one server of three refuses records whose names begin so: what the others have then. */
async function refused(t: Test, begin: string, command = ['FUNCTION', 'LOAD', SOURCE]): Promise<string[]> {
  const ring = await startScriptedRing(t, takes)
  ring.servers[1].script = (args, socket) =>
    args[2] === 'REPLACE' && args[3].startsWith(`#!lua name=${begin}`) ? REFUSED : takes(args, socket)
  t.equal(await ring.ask(...command), REFUSED)
  await Promise.all(ring.order.router.links.map((link) => link.call(['PING'])))
  const there = new Set<string>()
  for (const [command, sub, word, code] of ring.servers[0].received) {
    if (command !== 'FUNCTION') continue
    if (sub === 'LOAD' && word === 'REPLACE') there.add(/name=(dt_[a-z]+)/.exec(code)![1])
    if (sub === 'DELETE') there.delete(/^dt_[a-z]+/.exec(word)![0])
  }
  return [...there].sort()
}

/** The indexes that a server was told. */
function indexesAt({ received }: ScriptedServer): KeptIndex[] {
  return received.flatMap(([command, sub, , code]) => {
    const isIndex = `${command} ${sub}` === 'FUNCTION LOAD' && code?.startsWith(`#!lua name=${INDEX}\n`)
    return isIndex ? [indexIn(Buffer.from(code.slice(code.lastIndexOf('--') + 2), 'base64'))!] : []
  })
}

/** A ring in which a library is loaded, and its deletion refused by one server of three; the others say so of the index that comes then. */
async function deletionRefused(t: Test, others: string) {
  const ring = await startScriptedRing(t, takes)
  t.equal(await ring.ask('FUNCTION', 'LOAD', SOURCE), bulk('one'))
  const before = ring.servers.map((server) => indexesAt(server).length)
  for (const [i, server] of ring.servers.entries()) {
    server.script = (args, socket) => {
      if (args[2] !== 'REPLACE' || !args[3].startsWith(`#!lua name=${INDEX}\n`)) return takes(args, socket)
      const isFirst = indexesAt(server).length === before[i] + 1
      return i === 1 ? REFUSED : isFirst ? takes(args, socket) : others
    }
  }
  const reply = await ring.ask('FUNCTION', 'DELETE', 'one')
  const [loaded, ...later] = indexesAt(ring.servers[0]).slice(before[0] - 1)
  return { reply, loaded, later }
}

t.test(
  'what one server refuses is taken back from those who have taken it: the next start finds it as it was',
  async (t) => {
    const { reply, loaded, later } = await deletionRefused(t, bulk('x'))
    t.equal(reply, REFUSED)
    t.match(
      later.map(({ libraries }) => libraries),
      [[], loaded.libraries],
    )
    t.ok(loaded.version < later[0].version && later[0].version < later[1].version)
  },
)

t.test('when it cannot be taken back nobody knows which of them the next start finds', async (t) => {
  const { reply } = await deletionRefused(t, REFUSED)
  t.match(reply, /^-ERR the outcome of this write is unknown: the connection to dt-1, dt-3 broke before .* refused/)
})

t.test('a script that not all keep is removed from those who have it', async (t) => {
  t.same(await refused(t, 'dt_s_', ['SCRIPT', 'LOAD', 'return 1']), ['dt_kept'])
})

t.test('a library that not all keep is removed from those who have it', async (t) => {
  t.same(await refused(t, 'dt_f_'), [])
})

t.test(
  'an index that not all have does not count, but who has it has what it names: the next start may go by it',
  async (t) => {
    t.same(await refused(t, 'dt_kept'), ['dt_f', 'dt_kept'])
  },
)

t.test(
  'what frees memory counts also where a server has none to note it, and it is told again when it has',
  async (t) => {
    const ring = await startScriptedRing(t, takes)
    t.equal(await ring.ask('FUNCTION', 'LOAD', SOURCE), bulk('one'))
    const [, full] = ring.servers
    full.script = (args, socket) => (args[2] === 'REPLACE' ? FULL : takes(args, socket))
    t.equal(await ring.ask('FUNCTION', 'DELETE', 'one'), '+OK\r\n')
    t.equal(await ring.ask('SCRIPT', 'LOAD', 'return 1'), bulk('e0e1f9fabfc9d4800c877a703b823ac0578ff8db'))
    t.equal(await ring.ask('FUNCTION', 'LOAD', SOURCE), FULL, 'a library needs memory')
    full.script = takes
    const before = full.received.length
    const link = ring.order.router.links.find(({ name }) => name === 'dt-2')!
    link.full = false
    ring.coordinator.functions.kept.memoryChanged(link)
    const isTold = (words: readonly string[]) => words.some((word) => word.includes('name=dt_kept'))
    await until('it is told', () => full.received.slice(before).some(isTold))
    t.ok(
      full.received.slice(before).some((words) => words.some((word) => word.includes('name=dt_s_'))),
      'the script',
    )
    t.same(indexesAt(full).at(-1)!.libraries, [])
  },
)

t.test(
  'a server that falls silent when it is asked what it keeps is done without, as one that is not there',
  async (t) => {
    const ring = await startScriptedRing(t, takes)
    const [, silent] = ring.servers
    let isSilent = false
    silent.script = (args, socket) => {
      isSilent ||= args[3] === INDEX
      return isSilent ? '' : takes(args, socket)
    }
    const beganMs = performance.now()
    t.match(await ring.ask('FCALL', 'nosuch', '0'), /^-ERR Function not found/)
    t.ok(isSilent && performance.now() - beganMs < 10_000)
  },
)
