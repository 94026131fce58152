import t from 'tap'
import { type Link, LinkLostError } from '../../src/backend/link.js'
import { answerCommand } from '../../src/command/introspection.js'
import { rowNamed } from '../../src/command/table.js'
import { learnCommands } from '../../src/coordinator/learn-commands.js'
import { unsupported } from '../../src/coordinator/refuse.js'
import { encodeReply, map, type Reply } from '../../src/resp/encode.js'
import { LogLines } from '../helpers/log-lines.js'
import { RawConnection, RealRedis } from '../helpers/real-redis.js'

/** A server of this version that answers by `answer`, and what it was asked. */
function serverOf(version: string, answer: (command: string) => Reply): { link: Link; asked: string[] } {
  const asked: string[] = []
  const call = async (args: readonly string[]) => {
    asked.push(args.join(' '))
    return answer(args.join(' '))
  }
  return { link: { name: 'dt-1', info: { kind: { product: 'Redis', version } }, call } as unknown as Link, asked }
}

const entry = (name: string): Reply => [name, 2, ['readonly'], 1, 1, 1, [], [], [], []]

t.test('only what the table does not know is asked for, once for each kind of server', async (t) => {
  const lines = new LogLines()
  const answers: Record<string, Reply> = {
    'COMMAND COUNT': 4,
    'COMMAND LIST': ['get', 'SET', 'learnt.get', 'learnt.gone', 'config|get', 'config|new'],
    'COMMAND INFO learnt.get learnt.gone config|new': [entry('learnt.get'), null, entry('config|new')],
    'COMMAND DOCS learnt.get learnt.gone config|new': map([['LEARNT.GET', map([['summary', 'Gets what is learnt']])]]),
  }
  const first = serverOf('9.9.1', (command) => answers[command])
  await learnCommands(first.link, [], lines.log)
  t.same(first.asked, Object.keys(answers))
  t.match(rowNamed('learnt.get'), { route: 'key', replicate: 'none' })
  t.equal(rowNamed('learnt.gone'), undefined)
  t.match(rowNamed('config|new'), { learnt: true }, 'a newer subcommand of an old container')
  const asked = (line: string) =>
    answerCommand(
      rowNamed(line.split(' ').slice(0, 2).join('|'))!,
      line.split(' ').map((word) => Buffer.from(word)),
    )
  t.equal(
    encodeReply(asked('command docs Learnt.Get'), 2).toString(),
    '*2\r\n$10\r\nlearnt.get\r\n*2\r\n$7\r\nsummary\r\n$19\r\nGets what is learnt\r\n',
  )
  t.match(lines.about(/learnt commands/, 'dt-1'), [{ commands: ['learnt.get', 'config|new'] }])
  const second = serverOf('9.9.1', (command) => answers[command])
  await learnCommands(second.link, [], lines.log)
  t.same(second.asked, ['COMMAND COUNT'])
})

t.test('another server is asked when the link to the first one breaks before it has answered', async (t) => {
  const answers: Record<string, Reply> = {
    'COMMAND COUNT': 1,
    'COMMAND LIST': ['learnt.late'],
    'COMMAND INFO learnt.late': [entry('learnt.late')],
  }
  const first = serverOf('9.9.3', (command) => {
    if (command === 'COMMAND LIST') throw new LinkLostError('dt-1', true)
    return answers[command]
  })
  await learnCommands(first.link, [], new LogLines().log)
  t.equal(rowNamed('learnt.late'), undefined)
  const second = serverOf('9.9.3', (command) => answers[command])
  await learnCommands(second.link, [], new LogLines().log)
  t.match(rowNamed('learnt.late'), { route: 'key', replicate: 'none' })
})

t.test('writes of modules are served when the setting names them or their module', async (t) => {
  const entry = (name: string, ...flags: string[]): Reply => [name, -2, flags, 1, 1, 1, [], [], [], []]
  const names = ['vadd', 'other.set', 'other.add', 'other.get', 'newer.set']
  const answers: Record<string, Reply> = {
    'COMMAND COUNT': 5,
    'COMMAND LIST': names,
    'MODULE LIST': [map([['name', 'vectorset']]), map([['name', 'other']])],
    'COMMAND LIST FILTERBY MODULE vectorset': ['VADD'],
    'COMMAND LIST FILTERBY MODULE other': ['other.set', 'other.add'],
    'COMMAND LIST FILTERBY MODULE Other.Set': [],
    'COMMAND LIST FILTERBY MODULE vaddd': [],
    [`COMMAND INFO ${names.join(' ')}`]: [
      entry('VADD', 'write', 'denyoom', 'module'),
      entry('other.set', 'write', 'module'),
      entry('other.add', 'write', 'module'),
      entry('other.get', 'readonly', 'module'),
      entry('newer.set', 'write'),
    ],
  }
  const server = serverOf('9.9.2', (command) => answers[command])
  const lines = new LogLines()
  await learnCommands(server.link, ['vectorset', 'Other.Set', 'vaddd'], lines.log)
  t.equal(lines.about(/commands.moduleWrites names vaddd, and .* has neither a command nor a module/).length, 1)
  t.equal(lines.about(/commands.moduleWrites names/).length, 1)
  const served = names.filter((name) => rowNamed(name)?.route === 'key')
  t.same(served, ['vadd', 'other.set', 'other.get', 'newer.set'])
  const ofModule = (name: string) =>
    answerCommand(
      rowNamed('command|list')!,
      ['COMMAND', 'LIST', 'FILTERBY', 'MODULE', name].map((word) => Buffer.from(word)),
    )
  t.same(ofModule('vectorset'), ['vadd'])
  t.same(ofModule('other'), ['other.set', 'other.add'])
  t.same(ofModule('nosuch'), [])
  const refused = unsupported(rowNamed('other.add')!)
  t.match(refused, { message: /'other.add' is not supported .*; the setting commands.moduleWrites can allow it/ })
})

t.test('of a server like the one of which the table was made nothing has to be asked', async (t) => {
  const redis = await RealRedis.start()
  t.teardown(() => redis.stop())
  const connection = await RawConnection.open(redis.port)
  const names = String(await connection.ask('COMMAND', 'LIST'))
    .split('\r\n')
    .filter((line) => /^[a-z]/.test(line))
  t.ok(names.length > 200)
  t.same(
    names.filter((name) => !name.includes('|') && rowNamed(name) === undefined),
    [],
  )
  connection.close()
})
