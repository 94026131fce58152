import t from 'tap'
import { silentLogger } from '../../src/base/log.js'
import { rowNamed } from '../../src/command/table.js'
import { frameOf } from '../../src/resp/frame.js'
import { CopiedLog } from '../../src/serving/several/gather/copied-log.js'
import { cutOf } from '../../src/serving/several/gather/cut.js'
import { chooseExecutor } from '../../src/serving/several/gather/executor.js'
import { patternOf, questionOf } from '../../src/serving/several/gather/sort.js'
import { LogLines } from '../helpers/log-lines.js'
import { type ScriptedRing, startScriptedRing, startTwoApart, toldIn } from '../helpers/scripted-ring.js'
import { bulk, type Script } from '../helpers/scripted-server.js'

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
  const keys = (text: string) =>
    text.split(' ').map((each) => ({ readers: [...each.replace(/\d+/, '')], bytes: Number(/\d+/.exec(each)) }))
  const all = ['A', 'B', 'C', 'D']
  const but = (out: string) => (server: string) => !out.includes(server)
  t.equal(chooseExecutor(keys('A10 B20'), all, but('')), 'B')
  t.equal(chooseExecutor(keys('A10 B20 A15'), all, but('')), 'A', 'both of its values count')
  t.equal(chooseExecutor(keys('A0 B0'), all, but('')), 'A', 'the first key’s, if it does not matter')
  t.equal(chooseExecutor(keys('A10 B20'), all, but('B')), 'A')
  t.equal(chooseExecutor(keys('A10 B20'), all, but('AB')), 'C', 'anybody who can')
  t.equal(chooseExecutor(keys('A10 B20'), all, but('ABCD')), undefined)
  t.equal(chooseExecutor([{ bytes: 9, readers: [] }, ...keys('B1')], all, but('')), 'B', 'some must be brought anyway')
  t.equal(chooseExecutor(keys('AC10 BC20'), all, but('')), 'C', 'a backup of both has both')
  t.equal(chooseExecutor(keys('AB10 BA20 BC5'), all, but('')), 'B', 'who has all')
  t.equal(chooseExecutor(keys('AB10 BA20 BA5'), all, but('')), 'B', 'and is the master of most')
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

/** Answers what is asked before the block, and queues what is in it. */
function withBlock(exec: (queued: string[][]) => string[] | undefined, sizes: (key: string) => number): Script {
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
      const replies = exec(queued.filter(([name]) => name !== 'SELECT'))?.values()
      if (replies === undefined) {
        socket.destroy()
        return undefined
      }
      const all = queued.map(([name]) => (name === 'SELECT' ? '+OK' : replies.next().value))
      return `*${queued.length}\r\n${all.map((reply) => `${reply}\r\n`).join('')}`
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
  const { ring, one, other } = await startTwoApart(
    t,
    withBlock(
      (queued) => {
        seen.push(shown(queued))
        return ['+OK', '~1\r\n$1\r\nm', ':1']
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
      blocks++ === 0 ? ['-ERR Bad data format', ':0', ':-2', '_', ':0'] : ['+OK', ':7', ':-1', '$5\r\nunion', ':2'],
    () => 10,
  )
  const { ring, one, other } = await startTwoApart(t, (args, socket) => {
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
  const { ring, one, other } = await startTwoApart(
    t,
    withBlock(
      () => ['-ERR Bad data format', ':0', ':-2', '_', ':0'],
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
  const { ring, one, other } = await startTwoApart(
    t,
    withBlock(
      () => ['+OK', '-WRONGTYPE no set', ':-2', '_', ':0'],
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
  const { ring, one, other } = await startTwoApart(
    t,
    withBlock(
      () => (blocks++ === 0 ? undefined : ['+OK', '~1\r\n$1\r\nm', ':1']),
      () => 10,
    ),
  )
  t.equal(await ring.ask('SINTER', one, other), '~1\r\n$1\r\nm\r\n')
  t.equal(blocks, 2)
})

t.test('the patterns of SORT are taken apart as Redis does it', async (t) => {
  const asks = (pattern: string, element = 'E') =>
    questionOf(patternOf(Buffer.from(pattern)), Buffer.from(element)).join(' ')
  t.equal(asks('w_*'), 'GET w_E')
  t.equal(asks('w_*_x'), 'GET w_E_x')
  t.equal(asks('*'), 'GET E')
  t.equal(asks('h_*->f'), 'HGET h_E f')
  t.equal(asks('h_*_x->f'), 'HGET h_E_x f')
  t.equal(asks('h_*->'), 'GET h_E->', 'without a field it is a part of the name')
  t.equal(asks('h->a_*'), 'GET h->a_E', 'before the star, too')
  t.equal(asks('w_**'), 'GET w_E*', 'the first star counts')
  t.equal(asks('h_*->f->g'), 'HGET h_E f->g')
  t.equal(asks('h_*x\0->f'), 'GET h_Ex\0->f', 'it is not looked for behind a NUL')
})

/** A list of `length` elements on a single server; `asked` hears of the first question about one of them. */
async function sortedList(t: Parameters<typeof startScriptedRing>[0], length: number, asked = (_: ScriptedRing) => {}) {
  let first = true
  const ring = await startScriptedRing(
    t,
    ([name, , from, to]) => {
      if (name === 'TYPE') return '+list\r\n'
      if (name === 'MEMORY') return ':1000\r\n'
      if (name === 'LRANGE') {
        const elements = Array.from({ length }, (_, i) => bulk(String(i)))
        const found = elements.slice(Number(from), Number(to) + 1 || undefined)
        return `*${found.length}\r\n${found.join('')}`
      }
      if (name === 'SORT_RO') return '*0\r\n'
      if (name !== 'GET') return undefined
      if (first) asked(ring)
      first = false
      return '$-1\r\n'
    },
    { nodes: 1, replicas: 0 },
  )
  return ring
}

t.test('of a list that is not sorted only the elements are asked for that are answered', async (t) => {
  const ring = await sortedList(t, 1000)
  const [server] = ring.servers
  const asked = async (...words: string[]) => {
    server.received.length = 0
    t.equal(await ring.ask('SORT_RO', 'list', ...words), '*0\r\n')
    return server
      .commands('GET')
      .map((text) => text.slice('GET w_'.length))
      .join(' ')
  }
  t.equal(await asked('BY', 'nosort', 'GET', 'w_*', 'LIMIT', '3', '2'), '3 4')
  t.equal(await asked('BY', 'nosort', 'GET', 'w_*', 'LIMIT', '0', '0'), '')
  t.equal(await asked('BY', 'nosort', 'LIMIT', '1', '2', 'GET', 'w_*', 'DESC'), '1 2 997 998', 'from either end')
  t.equal((await asked('BY', 'nosort', 'GET', 'w_*', 'LIMIT', '990', '-1')).split(' ').length, 1000)
  t.equal((await asked('GET', 'w_*', 'LIMIT', '0', '2')).split(' ').length, 1000, 'any may be first when it is sorted')
})

t.test('who asks anything else meanwhile does not wait for all questions of a SORT', async (t) => {
  let other: Promise<string> | undefined
  const ring = await sortedList(t, 5000, (ring) => {
    other = ring.ask('GET', 'other')
  })
  t.equal(await ring.ask('SORT_RO', 'list', 'GET', 'w_*'), '*0\r\n')
  t.equal(await other, '$-1\r\n')
  const [server] = ring.servers
  t.equal(server.commands('GET').length, 5001)
  const at = server.commands('GET').indexOf('GET other')
  t.ok(at > 0 && at <= 2000, `it came behind ${at} of them`)
})

const DUMPED: Script = (args) => {
  if (args[0] === 'MEMORY') return ':50\r\n'
  if (args[0] === 'PEXPIRETIME') return ':4102444800123\r\n'
  if (args[0] === 'DUMP') return bulk('payload')
  if (args[0] === 'EXISTS') return ':0\r\n'
  return args[0] === 'DEL' ? ':1\r\n' : undefined
}

t.test('RENAME: the other name has the value, with its deadline, before the old one is gone', async (t) => {
  const { ring, one, other } = await startTwoApart(t, DUMPED)
  t.equal(await ring.ask('RENAME', one, other), '+OK\r\n')
  t.equal(await ring.ask('RENAMENX', other, one), ':1\r\n')
  t.equal(await ring.ask('COPY', one, other), ':1\r\n')
  const said = ring.servers.map((server) => {
    return server.received.filter(([name]) => name !== 'SELECT').map((args) => args.join(' '))
  })
  const [first, second] = ring.replicasOf(one)[0] === ring.servers[0] ? said : said.reverse()
  const restore = (key: string) => `RESTORE ${key} 4102444800123 payload REPLACE ABSTTL`
  const looks = (key: string) => [`MEMORY USAGE ${key} SAMPLES 2000`, `PEXPIRETIME ${key}`, `DUMP ${key}`]
  t.same(first, [...looks(one), `DEL ${one}`, `EXISTS ${one}`, restore(one), ...looks(one)])
  t.same(second, [restore(other), ...looks(other), `DEL ${other}`, `EXISTS ${other}`, restore(other)])
})

t.test('a RENAME of which the value was not written deletes nothing', async (t) => {
  for (const failure of ['lost', '-MISCONF disk\r\n']) {
    const { ring, one, other } = await startTwoApart(t, (args, socket) => {
      if (args[0] !== 'RESTORE') return DUMPED(args, socket)
      if (failure === 'lost') socket.destroy()
      return failure
    })
    const reply = await ring.ask('RENAME', one, other)
    if (failure === 'lost')
      t.match(reply, /^-ERR the outcome of this write is unknown: .* \(the source was not deleted\)/)
    else t.equal(reply, failure)
    t.same(toldIn(ring, 'DEL'), [])
    t.equal(ring.order.gates.active, 0)
  }
})

t.test('a read that was not answered: the command says that it was not applied', async (t) => {
  const STUCK =
    /^-ERR what the command has to read first was not answered: its server was silent, perhaps because of it, until the connection broke; the command was not applied, send it again if it is not one that takes long\r\n$/
  // What takes no time cannot be why, and is waited for: EXISTS, TYPE.
  const AWAY =
    /^-CLUSTERDOWN a server that holds this key is not reachable .*; the command was not applied, try again\r\n$/
  for (const [expected, name, ...rest] of [
    [STUCK, 'RENAME'],
    [AWAY, 'RENAMENX'],
    [AWAY, 'COPY'],
    [STUCK, 'SUNIONSTORE'],
    [AWAY, 'LMOVE', 'LEFT', 'LEFT'],
  ] as const) {
    const { ring, one, other } = await startTwoApart(t, (args, socket) => {
      if (!['MEMORY', 'LINDEX'].includes(args[0])) return DUMPED(args, socket)
      for (const link of ring.order.router.links) {
        // It had been silent for long: the read may be why.
        link.lastReceivedMs = Number.NEGATIVE_INFINITY
        link.reset('it is declared down')
      }
      return undefined
    })
    // So that the database is chosen, and the read is what its server was asked first.
    for (const key of [one, other]) await ring.ask('GET', key)
    const keys = name === 'SUNIONSTORE' ? [one, one, other] : [one, other]
    t.match(await ring.ask(name, ...keys, ...rest), expected, name)
    t.same([...toldIn(ring, 'RESTORE'), ...toldIn(ring, 'LPUSH'), ...toldIn(ring, 'DEL'), ...toldIn(ring, 'LPOP')], [])
    t.equal(ring.order.gates.active, 0)
  }
})

t.test('a RENAME whose source is not deleted says that the value is under both names', async (t) => {
  const { ring, one, other } = await startTwoApart(t, (args, socket) =>
    args[0] === 'DEL' ? '-MISCONF disk\r\n' : DUMPED(args, socket),
  )
  t.match(
    await ring.ask('RENAME', one, other),
    /^-ERR the outcome of this write is unknown: the destination has the value, it is not certain that the source has not: MISCONF disk/,
  )
})

t.test('what has expired between the looks is not there', async (t) => {
  const { ring, one, other } = await startTwoApart(t, (args, socket) =>
    args[0] === 'DUMP' ? '_\r\n' : DUMPED(args, socket),
  )
  t.equal(await ring.ask('RENAME', one, other), '-ERR no such key\r\n')
  t.equal(await ring.ask('COPY', one, other), ':0\r\n')
  t.same([...toldIn(ring, 'RESTORE'), ...toldIn(ring, 'DEL')], [])
})

t.test('what is larger than a server of the destination takes is not sent', async (t) => {
  const { ring, one, other } = await startTwoApart(t, (args, socket) =>
    args[0] === 'DUMP' ? bulk('x'.repeat(2_000_000)) : DUMPED(args, socket),
  )
  for (const link of ring.order.router.links) Object.assign(link.info!, { maxBulkBytes: 1_000_000 })
  t.match(
    await ring.ask('RENAME', one, other),
    /^-ERR the value .* takes 2000000 bytes, .* is 1000000; the command was not applied/,
  )
  t.same(toldIn(ring, 'RESTORE'), [])
})
