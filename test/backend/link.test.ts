import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { HandshakeError } from '../../src/backend/call.js'
import { ANY_DB, LinkLostError } from '../../src/backend/link.js'
import { simple } from '../../src/resp/encode.js'
import { frameOf } from '../../src/resp/frame.js'
import { bulk } from '../helpers/scripted-server.js'
import { until } from '../helpers/until.js'
import { LinkStory } from './link-story.js'

/** The reply of CONFIG GET. */
function settingsReply(settings: Record<string, string>): string {
  const entries = Object.entries(settings)
  return `%${entries.length}\r\n${entries.map(([name, value]) => bulk(name) + bulk(value)).join('')}`
}

t.test('nothing is emitted before the handshake is answered, which makes the connection fit for use', async (t) => {
  const story = await LinkStory.begin(t, { username: 'proxy', password: 'secret' })
  story.server.info = { run_id: 'f'.repeat(40), redis_version: '7.2.4' }
  story.server.script = ([name]) => {
    const values = { databases: '32', 'maxmemory-policy': 'noeviction', 'proto-max-bulk-len': '1024' }
    return name === 'CONFIG' ? settingsReply(values) : undefined
  }
  story.link.start()
  t.equal(story.link.ready, false)
  await t.rejects(story.link.call(['GET', 'a']), { message: 'there is no connection to dt-1', emitted: false })
  await story.up()
  t.match(story.link.info, {
    runId: 'f'.repeat(40),
    kind: { version: '7.2.4' },
    databases: 32,
    maxBulkBytes: 1024,
    clientId: 1,
  })
  t.same(story.events, ['up'])
  t.same(story.server.received.slice(0, 4), [
    ['HELLO', '3', 'AUTH', 'proxy', 'secret', 'SETNAME', 'dt:story:run-1'],
    ['SELECT', '0'],
    ['CLIENT', 'ID'],
    ['INFO'],
  ])
  story.emit(0, 'GET', 'a')
  t.same(await story.outcome(1), ['0 "+OK\\r\\n"'])
})

t.test('while hands are shaken nobody else may say anything: it is not known yet whose the server is', async (t) => {
  const during: string[] = []
  const story = await LinkStory.begin(t, {
    admit: async (_name, _info, call) => {
      during.push(story.link.state.kind)
      await t.rejects(story.link.call(['SET', 'a', '1']), { message: 'there is no connection to dt-1', emitted: false })
      await t.rejects(story.link.callFirst(['SET', 'b', '1']), { message: 'there is no connection to dt-1' })
      t.throws(() => story.emit(0, 'SET', 'c', '1'), { message: /a command is emitted on a link that is up/ })
      await call(['FUNCTION', 'LIST'])
    },
  })
  story.link.start()
  await story.up()
  t.same(during, ['handshaking'])
  t.same(story.server.commands('SET'), [])
  story.emit(0, 'SET', 'd', '1')
  await story.outcome(1)
  t.same(story.server.commands('SET'), ['SET d 1'])
})

t.test(
  'whoever knows the ring may ask on the new connection, and refuse the server, before anything is emitted',
  async (t) => {
    const asked: unknown[] = []
    let refuse = true
    const story = await LinkStory.begin(t, {
      admit: async (name, info, call) => {
        asked.push([name, info.clientId, await call(['GET', 'owner'])])
        if (refuse) throw new HandshakeError('it belongs to somebody else')
      },
    })
    story.server.script = ([name]) => (name === 'GET' ? '$2\r\nme\r\n' : undefined)
    story.link.start()
    await until('it was refused', () => story.events.length > 0)
    t.equal(story.events[0], 'down: it belongs to somebody else')
    t.equal(story.link.ready, false)
    refuse = false
    await story.up()
    t.same(asked[0], ['dt-1', 1, Buffer.from('me')])
    t.equal(story.events.at(-1), 'up')
  },
)

t.test('while the turn is held nothing is sent but what has to be known first, and handshakes', async (t) => {
  const story = await LinkStory.ready(t)
  // Handshakes select database 0.
  const sent = () =>
    story.server.received.map((args) => args.join(' ')).filter((line) => /^(GET|SELECT [^0])/.test(line))
  story.emit(0, 'GET', 'before')
  await story.outcome(1)
  story.turn.hold()
  story.emit(0, 'GET', 'kept')
  story.emit(2, 'GET', 'kept too')
  const first = story.link.callFirst(['GET', 'first'])
  t.same(await first, simple('OK'))
  t.same(sent(), ['GET before', 'GET first'])
  t.equal(story.outcomes.length, 1)
  story.turn.release()
  t.same(await story.outcome(3), ['0 "+OK\\r\\n"', '1 "+OK\\r\\n"', '2 "+OK\\r\\n"'])
  t.same(sent(), ['GET before', 'GET first', 'GET kept', 'SELECT 2', 'GET kept too'])

  story.turn.hold()
  story.emit(2, 'GET', 'lost')
  story.link.reset('for the story')
  await story.up()
  t.equal(story.outcomes[3], '3 lost "GET lost"')
  story.link.close()
  await t.rejects(story.link.callFirst(['GET', 'a']), { message: 'there is no connection to dt-1' })
})

for (const [what, prepare, reason] of [
  ['a replica', { info: { role: 'slave' } }, /it is a slave, a member must be a master/],
  ['a server that loads its data', { info: { loading: '1' } }, /it is loading its data/],
  ['a server that evicts', { policy: 'allkeys-lru' }, /its maxmemory-policy is allkeys-lru.*noeviction/],
  ['a server that wants another password', { hello: '-WRONGPASS no\r\n' }, /HELLO was answered by: WRONGPASS no/],
  ['a server without RESP3', { hello: '-NOPROTO unsupported\r\n' }, /HELLO was answered by: NOPROTO/],
  ['a server that answers nonsense', { id: '+seven\r\n' }, /CLIENT ID was answered by something unexpected/],
  [
    'a server that lets us hear of no expirations',
    { subscribe: '-NOPERM no\r\n' },
    /PSUBSCRIBE was refused: -NOPERM no/,
  ],
  ['a server without functions', { functions: "-ERR unknown command 'FUNCTION'\r\n" }, /FUNCTION LIST was answered by/],
] as const) {
  t.test(`${what} is not used, and the reason is told until it is gone`, async (t) => {
    const story = await LinkStory.begin(t)
    const faults: Partial<Record<'policy' | 'hello' | 'id' | 'functions' | 'subscribe', string>> & {
      info?: Record<string, string>
    } = prepare
    let broken = true
    story.server.info = faults.info ?? {}
    story.server.script = ([name, sub]) => {
      if (!broken) return undefined
      if (name === 'HELLO') return faults.hello
      if (name === 'CONFIG' && faults.policy) return settingsReply({ 'maxmemory-policy': faults.policy })
      if (name === 'FUNCTION') return faults.functions
      if (name === 'PSUBSCRIBE') return faults.subscribe
      return name === 'CLIENT' && sub === 'ID' ? faults.id : undefined
    }
    story.link.start()
    await until('it was refused twice', () => story.events.length >= 2)
    t.match(story.events[0], reason)
    t.match(story.events[1], reason)
    t.equal(story.link.ready, false)
    broken = false
    story.server.info = {}
    await story.up()
    t.equal(story.events.at(-1), 'up')
  })
}

t.test('a SELECT goes before a command of another database, and before no other', async (t) => {
  const story = await LinkStory.ready(t)
  const before = story.server.received.length
  for (const [db, key] of [
    [0, 'a'],
    [3, 'b'],
    [3, 'c'],
    [ANY_DB, 'd'],
    [0, 'e'],
    [9, 'f'],
    [9, 'g'],
  ] as const) {
    story.emit(db, 'GET', key)
  }
  await story.outcome(7)
  const sent = story.server.received.slice(before).map((args) => args.join(' '))
  t.same(sent, ['GET a', 'SELECT 3', 'GET b', 'GET c', 'GET d', 'SELECT 0', 'GET e', 'SELECT 9', 'GET f', 'GET g'])

  story.link.reset('for the story')
  await story.up()
  const again = story.server.received.length
  story.emit(9, 'GET', 'h')
  await story.outcome(8)
  t.same(
    story.server.received.slice(again),
    [
      ['SELECT', '9'],
      ['GET', 'h'],
    ],
    'a new connection begins in database 0',
  )
})

t.test('a refused SELECT breaks the link, and it is said that what followed landed in another database', async (t) => {
  const story = await LinkStory.ready(t)
  story.server.script = ([name]) => (name === 'SELECT' ? '-ERR DB index is out of range\r\n' : undefined)
  story.emit(0, 'GET', 'a')
  story.emit(5, 'SET', 'b', '1')
  story.emit(5, 'GET', 'c')
  t.same(await story.outcome(3), ['0 "+OK\\r\\n"', '1 lost "SET b 1"', '2 lost "GET c"'])
  t.match(story.events[1], /^down: .*SELECT was refused: -ERR DB index/)
  t.match(story.events[2], /^strayed: .*SELECT was refused: -ERR DB index/)
})

t.test(
  'a server that is busy refuses SELECT and what follows: nothing has strayed, and each command selects',
  async (t) => {
    const story = await LinkStory.ready(t)
    let isBusy = true
    story.server.script = () => (isBusy ? '-BUSY Redis is busy running a script.\r\n' : undefined)
    story.emit(5, 'SET', 'a', '1')
    story.emit(5, 'GET', 'a')
    const busy = '"-BUSY Redis is busy running a script.\\r\\n"'
    t.same(await story.outcome(2), [`0 ${busy}`, `1 ${busy}`])
    story.emit(5, 'GET', 'b')
    story.emit(5, 'GET', 'c')
    t.same((await story.outcome(4)).slice(2), [`2 ${busy}`, `3 ${busy}`])
    isBusy = false
    story.emit(5, 'GET', 'd')
    story.emit(0, 'GET', 'e')
    await story.outcome(6)
    story.emit(0, 'GET', 'f')
    await story.outcome(7)
    const sent = story.server.received
      .map((args) => args.join(' '))
      .filter((line) => /^(GET|SET|SELECT [05])/.test(line))
    t.same(
      sent.slice(1).join(', '),
      ['SELECT 5, SET a 1, GET a', 'SELECT 5, GET b, SELECT 5, GET c', 'SELECT 5, GET d, SELECT 0, GET e, GET f'].join(
        ', ',
      ),
    )
    t.same(story.events, ['up'])
  },
)

t.test('what a server executes behind a SELECT that it was too busy for has strayed', async (t) => {
  const story = await LinkStory.ready(t)
  story.server.script = ([name]) => (name === 'SELECT' ? '-BUSY Redis is busy running a script.\r\n' : undefined)
  story.emit(5, 'SET', 'b', '1')
  story.emit(5, 'GET', 'c')
  t.same(await story.outcome(2), ['0 lost "SET b 1"', '1 lost "GET c"'])
  t.match(story.events[1], /^down: .*SELECT was refused, and what came behind it was executed/)
  t.match(story.events[2], /^strayed: .*SELECT was refused/)
})

t.test('a server that does not let the database be changed is not used', async (t) => {
  const story = await LinkStory.begin(t)
  story.server.script = ([name]) => (name === 'SELECT' ? '-NOPERM this user has no permissions\r\n' : undefined)
  story.link.start()
  await until('it was tried', () => story.events.length > 0)
  t.match(story.events[0], /^down: SELECT was answered by: NOPERM/)
})

t.test('replies find their commands in order, however the bytes are cut', async (t) => {
  const story = await LinkStory.ready(t)
  const replies = [
    '+OK\r\n',
    ':12\r\n',
    '$5\r\nhello\r\n',
    '*2\r\n$1\r\na\r\n_\r\n',
    '-ERR no\r\n',
    '%1\r\n+k\r\n,1.5\r\n',
  ]
  story.server.script = () => ''
  for (let i = 0; i < replies.length; i++) story.emit(0, 'GET', String(i))
  await until('they arrived', () => story.server.commands('GET').length === replies.length)
  for (const byte of Buffer.from(replies.join(''))) {
    story.server.connection.write(Buffer.from([byte]))
    await new Promise(setImmediate)
  }
  t.same(
    await story.outcome(replies.length),
    replies.map((reply, i) => `${i} ${JSON.stringify(reply)}`),
  )
})

t.test('pushes between replies and inside of them are taken out', async (t) => {
  const story = await LinkStory.ready(t)
  story.server.script = ([, key]) => {
    if (key === 'a') return '>2\r\n+news\r\n+one\r\n*2\r\n+x\r\n>1\r\n+two\r\n+y\r\n>1\r\n+three\r\n'
    return '+plain\r\n'
  }
  story.emit(0, 'GET', 'a')
  story.emit(0, 'GET', 'b')
  t.same(await story.outcome(2), ['0 "*2\\r\\n+x\\r\\n+y\\r\\n"', '1 "+plain\\r\\n"'])
  t.equal(story.link.pushes, 1 + 3, 'the subscription to expirations is confirmed by one')
})

const expiredPush = (key: string) =>
  `>4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$22\r\n__keyevent@0__:expired\r\n$${key.length}\r\n${key}\r\n`

t.test(
  'a newer server tells behind its reply what the command found expired: known with the reply, or told late',
  async (t) => {
    const story = await LinkStory.begin(t)
    story.server.info = { redis_version: '7.2.4' }
    const late: string[] = []
    story.link.expiryPushes.onLate = (id, answered) =>
      late.push(`${id} ${answered?.buf.toString('latin1', answered.argStart[0], answered.argEnd[1])}`)
    story.link.start()
    await story.up()
    story.server.script = ([, key], socket) => {
      if (key === 'split') setTimeout(() => socket.write(expiredPush('split')), 20)
      return key === 'split' ? ':1\r\n' : `:1\r\n${expiredPush(key)}`
    }
    const known: unknown[] = []
    const write = (key: string) =>
      new Promise<void>((resolve, reject) => {
        const sink = {
          onReply: () => {
            known.push(story.link.expirations.take([`0:${key}`], performance.now(), true))
            resolve()
          },
          onLost: () => reject(new Error('lost')),
        }
        story.link.emitFrame(frameOf(['INCR', key]), 0, sink, 0)
      })
    await write('whole')
    t.same(known, [{ which: '0 ', unsure: true }])
    t.same(late, [])
    await write('split')
    t.equal(known[1], undefined)
    await until('it is told', () => late.length > 0)
    t.same(late, ['0:split INCR\r\n$5\r\nsplit'])
  },
)

t.test(
  'what was answered before the link broke keeps its answer, and the rest is told as lost, oldest first',
  async (t) => {
    const story = await LinkStory.ready(t)
    let asked = 0
    story.server.script = (_args, socket) => {
      asked++
      if (asked === 1) return '+first\r\n'
      if (asked === 2) return '$100\r\nhalf a reply'
      socket.destroy()
      return ''
    }
    for (const key of ['a', 'b', 'c', 'd']) story.emit(0, 'APPEND', key, 'x')
    t.same(await story.outcome(4), [
      '0 "+first\\r\\n"',
      '1 lost "APPEND b x"',
      '2 lost "APPEND c x"',
      '3 lost "APPEND d x"',
    ])
    story.server.script = () => undefined
    await story.up()
    t.equal(story.outcomes.length, 4, 'each is told once')
    t.equal(story.link.outstanding, 0)
  },
)

t.test('a large write of which the server took a part is lost as a whole', async (t) => {
  const story = await LinkStory.ready(t)
  const { connection } = story.server
  connection.once('data', () => connection.pause())
  const value = Buffer.alloc(16 * 1024 * 1024, 'v')
  story.emit(0, 'SET', 'large', value)
  story.emit(0, 'GET', 'after')
  await until('it reads', () => connection.isPaused())
  t.ok(story.link.unsentBytes > 0, 'the rest waits in the link')
  connection.destroy()
  const [large, after] = await story.outcome(2)
  t.equal(large.slice(0, 24), '0 lost "SET large vvvvvv')
  t.equal(after, '1 lost "GET after"')
})

t.test('commands of the cold paths give decoded replies, or say that the link broke', async (t) => {
  const story = await LinkStory.ready(t)
  story.server.script = ([name]) => (name === 'DBSIZE' ? ':7\r\n' : '')
  t.equal(await story.link.call(['DBSIZE']), 7)
  const lost = story.link.call(['GET', 'a'])
  await until('it arrived', () => story.server.commands('GET').length === 1)
  story.server.connection.destroy()
  const error = await lost.then(
    () => t.fail('there is no reply'),
    (reason: unknown) => reason,
  )
  t.ok(error instanceof LinkLostError)
  t.match(error, { emitted: true, member: 'dt-1' })
})

t.test('a server that closes while the handshake is under way is tried again, later each time', async (t) => {
  const story = await LinkStory.begin(t, { reconnectMinMs: 5, reconnectMaxMs: 40 })
  const startedAtMs: number[] = []
  let step = 0
  const cutAt = ['', 'HELLO', 'CLIENT', 'INFO', 'CONFIG', 'TIME']
  story.server.onConnection = (socket) => {
    startedAtMs.push(Date.now())
    if (cutAt[step] === '') socket.destroy()
    step++
  }
  story.server.script = ([name], socket) => {
    if (name !== cutAt[step - 1]) return undefined
    socket.destroy()
    return ''
  }
  story.link.start()
  await story.up()
  t.equal(story.events.length, 7)
  for (const event of story.events.slice(0, 6)) t.match(event, /^down: (the server closed|ECONNRESET|EPIPE)/)
  const gaps = startedAtMs.slice(1).map((at, i) => at - startedAtMs[i])
  const least = [5, 10, 20, 40, 40, 40]
  t.ok(
    gaps.every((gap, i) => gap >= least[i] - 1),
    `${gaps} ms between the attempts`,
  )
})

t.test('one that breaks as soon as it is up is tried again later each time, too', async (t) => {
  const story = await LinkStory.ready(t, { reconnectMinMs: 100, reconnectMaxMs: 800 })
  for (let i = 0; i < 5; i++) {
    story.link.reset('for the test')
    await story.up()
  }
  const apartMs = story.upAtMs.slice(1).map((at, i) => at - story.upAtMs[i])
  const least = [100, 200, 400, 800, 800]
  t.ok(
    least.every((ms, i) => apartMs[i] >= ms - 1),
    `${apartMs} ms until it was up again`,
  )
})

t.test(
  'the time for which a link was up counts: who comes back and dies once more is found as soon as the first time',
  async (t) => {
    const story = await LinkStory.ready(t, { reconnectMinMs: 20, reconnectMaxMs: 2000 })
    const breaks = async () => {
      story.link.reset('for the test')
      await story.up()
    }
    for (let i = 0; i < 5; i++) await breaks()
    // Too short to begin anew, and longer than the 640 ms that are due.
    await sleep(1000)
    const sinceMs = performance.now()
    await breaks()
    t.ok(performance.now() - sinceMs < 400, `${performance.now() - sinceMs} ms until it was up again`)
  },
)

t.test('a server that accepts and says nothing is given up after the time for connecting', async (t) => {
  const story = await LinkStory.begin(t, { connectTimeoutMs: 60 })
  story.server.script = () => ''
  story.link.start()
  await until('it was given up', () => story.events.length > 0)
  t.equal(story.events[0], 'down: no connection and handshake within 60 ms')
  story.server.script = () => undefined
  await story.up()
})

t.test('nobody at the port is a reason, not an error of the process', async (t) => {
  const story = await LinkStory.begin(t)
  story.server.stop()
  story.link.start()
  await until('it was tried', () => story.events.length >= 3)
  t.match(story.events[0], /^down: ECONNREFUSED connect/)
})

/** The reply to TIME of a server whose clock is an hour ahead. */
function hourAhead(): string {
  const now = Date.now() + 3_600_000
  return `*2\r\n${bulk(String(Math.floor(now / 1000)))}${bulk(String((now % 1000) * 1000))}`
}

t.test('an idle link asks for the time, and so keeps the offset of the clock', async (t) => {
  const story = await LinkStory.ready(t, { pingIntervalMs: 20 })
  t.equal(story.link.clockOffsetMs, 0, 'on one machine the clocks agree')
  story.server.script = ([name]) => {
    return name === 'TIME' ? hourAhead() : undefined
  }
  await until('the new offset was measured', () => story.link.clockOffsetMs !== 0)
  t.ok(Math.abs(story.link.clockOffsetMs - 3_600_000) < 1100, `${story.link.clockOffsetMs} ms`)
})

t.test('a link that is never idle does so, too', async (t) => {
  const story = await LinkStory.ready(t, { pingIntervalMs: 20 })
  story.server.script = ([name], socket) => {
    // Late, so that there is always something under way.
    setTimeout(() => socket.write(name === 'TIME' ? hourAhead() : '$-1\r\n'), 5)
    return ''
  }
  const load = setInterval(() => story.emit(0, 'GET', 'a'), 1)
  await until('the new offset was measured', () => story.link.clockOffsetMs !== 0)
  clearInterval(load)
  t.ok(Math.abs(story.link.clockOffsetMs - 3_600_000) < 1100, `${story.link.clockOffsetMs} ms`)
})

t.test('a closed link stays closed and tells those who wait', async (t) => {
  const story = await LinkStory.ready(t)
  story.server.script = () => ''
  story.emit(0, 'GET', 'a')
  await until('it arrived', () => story.server.commands('GET').length === 1)
  story.link.close()
  t.same(story.outcomes, ['0 lost "GET a"'])
  t.equal(story.link.ready, false)
  story.link.close()
  await until('the server sees the end', () => story.server.connection.destroyed)
  await sleep(50)
  t.equal(story.server.connections.length, 1, 'and no new connection')
})

t.test('bytes that are no RESP break the link', async (t) => {
  const story = await LinkStory.ready(t)
  const hostile = [
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    '$99999999999\r\n',
    '$-5\r\n',
    '*-2\r\n',
    '$3\r\nabcdef\r\n',
    '?\r\n',
    '+a\rb',
  ]
  for (const bytes of hostile) {
    story.events.length = 0
    story.outcomes.length = 0
    story.server.script = ([name]) => (name === 'GET' ? bytes : undefined)
    story.emit(0, 'GET', 'a')
    const [outcome] = await story.outcome(1)
    t.match(outcome, /lost "GET a"$/, JSON.stringify(bytes))
    t.match(story.events[0], /^down: unusable bytes from the server/)
    await story.up()
  }
  story.events.length = 0
  story.server.connection.write('+unasked\r\n')
  await until('it broke', () => story.events.length > 0)
  t.match(story.events[0], /unusable bytes from the server: a reply that nobody asked for/)
})

t.test(
  'whatever bytes a server sends, and whenever, every command has one outcome and the link lives on',
  async (t) => {
    const story = await LinkStory.begin(t)
    const pieces = [
      '$',
      '*',
      '%',
      '>',
      '~',
      '=',
      '!',
      '|',
      '+',
      '-',
      ':',
      '_',
      ',',
      '(',
      '#',
      '0',
      '1',
      '2',
      '7',
      '-1',
      'x',
    ]
    const token = fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...pieces, '\r\n', '\r\n', '\r\n', '\r', '\n') },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
    )
    const bytes = fc.array(token, { minLength: 1, maxLength: 30 }).map((parts) => Buffer.from(parts.join(''), 'latin1'))
    const during = fc.constantFrom('HELLO', 'CLIENT', 'INFO', 'CONFIG', 'TIME', 'GET')
    let fault: { bytes: Buffer; during: string } | undefined
    story.server.script = ([name], socket) => {
      if (fault === undefined || name !== fault.during) return undefined
      socket.end(fault.bytes)
      return ''
    }
    story.link.start()
    await story.up()
    await fc.assert(
      fc.asyncProperty(bytes, during, async (bytes, during) => {
        fault = undefined
        await story.up()
        story.outcomes.length = 0
        story.events.length = 0
        fault = { bytes, during }
        if (during === 'GET') {
          story.emit(0, 'GET', 'a')
          story.emit(0, 'GET', 'b')
          await story.outcome(2)
        } else {
          story.link.reset('for the story')
          await until('it broke', () => story.events.length >= 2)
        }
      }),
      { numRuns: 150 },
    )
    fault = undefined
    await story.up()
    t.equal(story.link.outstanding, 0)
    story.outcomes.length = 0
    story.emit(0, 'GET', 'a')
    t.match((await story.outcome(1))[0], /"\+OK\\r\\n"$/)
  },
)
