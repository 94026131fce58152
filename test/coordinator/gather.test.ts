import t from 'tap'
import { silentLogger } from '../../src/base/log.js'
import { rowNamed } from '../../src/command/table.js'
import { frameOf } from '../../src/resp/frame.js'
import { CopiedLog } from '../../src/serving/several/gather/copied-log.js'
import { cutOf } from '../../src/serving/several/gather/cut.js'
import { chooseExecutor } from '../../src/serving/several/gather/executor.js'
import { LogLines } from '../helpers/log-lines.js'
import { startScriptedRing } from '../helpers/scripted-ring.js'
import { bulk, type Script, type ScriptedServer } from '../helpers/scripted-server.js'

t.test('what is read and what is written, by the row of the command', async (t) => {
  const cut = (...args: string[]) => {
    const { sources, destination } = cutOf(rowNamed(args[0].toLowerCase())!, frameOf(args))
    const read = sources.map(({ key, places }) => `${key}@${places}`).join(' ')
    return destination === undefined
      ? read
      : `${read} > ${destination.key}@${destination.place}${destination.isRead ? ' read' : ''}`
  }
  t.equal(cut('SINTER', 'a', 'b', 'a'), 'a@1,3 b@2')
  t.equal(cut('LCS', 'a', 'b'), 'a@1 b@2')
  t.equal(cut('PFCOUNT', 'a', 'b'), 'a@1 b@2')
  t.equal(cut('ZUNION', '2', 'a', 'b', 'WEIGHTS', '1', '2'), 'a@2 b@3')
  t.equal(cut('SUNIONSTORE', 'd', 'a', 'd'), 'a@2 d@3 > d@1')
  t.equal(cut('BITOP', 'AND', 'd', 'a'), 'a@3 > d@2')
  t.equal(cut('PFMERGE', 'd', 'a', 'd'), 'd@1,3 a@2 > d@1 read')
  t.equal(cut('SORT', 'a', 'STORE', 'd'), 'a@1 > d@3')
  t.equal(cut('SORT', 'a'), 'a@1')
  t.equal(cut('GEORADIUS', 'a', '1', '2', '3', 'km', 'STORE', 'b', 'STOREDIST', 'd'), 'a@1 > d@9')
  t.equal(cut('GEOSEARCHSTORE', 'd', 'a', 'FROMMEMBER', 'm', 'BYRADIUS', '1', 'km'), 'a@2 > d@1')
})

t.test('who executes it reads most of the values in their places, and has memory for guests', async (t) => {
  const keys = (text: string) => text.split(' ').map((each) => ({ reader: each[0], bytes: Number(each.slice(1)) }))
  const all = ['A', 'B', 'C', 'D']
  const but = (out: string) => (server: string) => !out.includes(server)
  t.equal(chooseExecutor(keys('A10 B20'), all, but('')), 'B')
  t.equal(chooseExecutor(keys('A10 B20 A15'), all, but('')), 'A', 'both of its values count')
  t.equal(chooseExecutor(keys('A0 B0'), all, but('')), 'A', 'the first key’s, if it does not matter')
  t.equal(chooseExecutor(keys('A10 B20'), all, but('B')), 'A')
  t.equal(chooseExecutor(keys('A10 B20'), all, but('AB')), 'C', 'anybody who can')
  t.equal(chooseExecutor(keys('A10 B20'), all, but('ABCD')), undefined)
  t.equal(
    chooseExecutor([{ bytes: 9, reader: undefined }, ...keys('B1')], all, but('')),
    'B',
    'some must be brought anyway',
  )
})

t.test('who copies much is named once a minute', async (t) => {
  const lines = new LogLines()
  const log = new CopiedLog(lines.log)
  const mega = 1024 * 1024
  log.note('sinter', mega - 1, 0)
  t.equal(lines.about(/copied/).length, 0)
  for (const ms of [0, 1000, 59_000, 61_000]) log.note('sunionstore', 2 * mega, ms)
  t.same(
    lines.about(/copied/).map(({ commands, bytes }) => [commands, bytes]),
    [
      [1, 2 * mega],
      [3, 6 * mega],
    ],
  )
  new CopiedLog(silentLogger()).note('sunion', mega)
})

/** A ring of two servers without copies, a key on each; `say` says what they answer within EXEC. */
async function begin(t: Parameters<typeof startScriptedRing>[0], script: Script) {
  const ring = await startScriptedRing(t, script, { nodes: 2, replicas: 0 })
  const keyOf = (server: ScriptedServer) =>
    Array.from({ length: 100 }, (_, i) => `k${i}`).find((key) => ring.replicasOf(key)[0] === server)!
  return { ring, one: keyOf(ring.servers[0]), other: keyOf(ring.servers[1]) }
}

/** Answers what is asked before the block, and queues what is in it. */
function withBlock(exec: (queued: string[][]) => string | undefined, sizes: (key: string) => number): Script {
  const blocks = new Map<unknown, string[][]>()
  return (args, socket) => {
    if (args[0] === 'MEMORY') return `:${sizes(args[2])}\r\n`
    if (args[0] === 'DUMP' && !blocks.has(socket)) return bulk('payload')
    if (args[0] === 'MULTI') {
      blocks.set(socket, [])
      return undefined
    }
    if (args[0] === 'EXEC') {
      const queued = blocks.get(socket) ?? []
      blocks.delete(socket)
      const reply = exec(queued)
      if (reply === undefined) socket.destroy()
      return reply
    }
    const queued = blocks.get(socket)
    if (queued === undefined) return undefined
    queued.push(args)
    return '+QUEUED\r\n'
  }
}

const shown = (queued: string[][]) => queued.map((args) => args.join(' ').replaceAll('\0', ''))

t.test('the guest, the command, the guest’s end: in one block, where the most lies', async (t) => {
  const seen: string[][] = []
  const { ring, one, other } = await begin(
    t,
    withBlock(
      (queued) => {
        seen.push(shown(queued))
        return '*3\r\n+OK\r\n~1\r\n$1\r\nm\r\n:1\r\n'
      },
      (key) => (key === 'k0' ? 100 : 50),
    ),
  )
  t.equal(await ring.ask('SINTER', one, other), '~1\r\n$1\r\nm\r\n')
  const [kept, guest] = one === 'k0' ? [one, 'dt:pieces:g2'] : [other, 'dt:pieces:g1']
  const command = one === 'k0' ? `SINTER ${kept} ${guest}` : `SINTER ${guest} ${kept}`
  t.same(seen, [[`RESTORE ${guest} 0 payload ABSTTL`, command, `UNLINK ${guest}`]])
  t.equal(ring.order.gates.active, 0)
})

t.test('a guest that is refused: somebody else executes it, and nothing is written before', async (t) => {
  let blocks = 0
  const writes: string[] = []
  const script = withBlock(
    () =>
      blocks++ === 0
        ? '*5\r\n-ERR Bad data format\r\n:0\r\n:-2\r\n_\r\n:0\r\n'
        : '*5\r\n+OK\r\n:7\r\n:-1\r\n$5\r\nunion\r\n:2\r\n',
    () => 10,
  )
  const { ring, one, other } = await begin(t, (args, socket) => {
    if (args[0] === 'RESTORE' && args.includes('REPLACE')) {
      writes.push(args.slice(0, 4).join(' '))
      return '+OK\r\n'
    }
    return script(args, socket)
  })
  t.equal(await ring.ask('SUNIONSTORE', one, one, other), ':7\r\n')
  t.equal(blocks, 2)
  t.same(writes, [`RESTORE ${one} 0 union`])
})

t.test('when nobody takes what the others have the error says why, and that nothing was applied', async (t) => {
  const { ring, one, other } = await begin(
    t,
    withBlock(
      () => '*5\r\n-ERR Bad data format\r\n:0\r\n:-2\r\n_\r\n:0\r\n',
      () => 10,
    ),
  )
  t.match(
    await ring.ask('SUNIONSTORE', one, one, other),
    /^-ERR 'sunionstore' .* no server takes the values of the others \(dt-.: ERR Bad data format\); the command was not applied/,
  )
  t.equal(ring.order.gates.active, 0)
})

t.test('an error of the command itself writes nothing', async (t) => {
  const { ring, one, other } = await begin(
    t,
    withBlock(
      () => '*5\r\n+OK\r\n-WRONGTYPE no set\r\n:-2\r\n_\r\n:0\r\n',
      () => 10,
    ),
  )
  t.equal(await ring.ask('SUNIONSTORE', one, one, other), '-WRONGTYPE no set\r\n')
  t.same(
    ring.servers
      .flatMap((server) => [...server.commands('RESTORE'), ...server.commands('UNLINK')])
      .filter((text) => !text.includes('dt:pieces')),
    [],
  )
})

t.test('a block whose connection breaks is done again when the server is back', async (t) => {
  let blocks = 0
  const { ring, one, other } = await begin(
    t,
    withBlock(
      () => (blocks++ === 0 ? undefined : '*3\r\n+OK\r\n~1\r\n$1\r\nm\r\n:1\r\n'),
      () => 10,
    ),
  )
  t.equal(await ring.ask('SINTER', one, other), '~1\r\n$1\r\nm\r\n')
  t.equal(blocks, 2)
})
