import fc from 'fast-check'
import t from 'tap'
import {
  unknownCommandError,
  unknownSubcommandError,
  unsupportedError,
  wrongArityError,
} from '../../src/command/errors.js'
import { isOwn } from '../../src/command/own-commands.js'
import { allRows, lookupCommand, rowNamed } from '../../src/command/table.js'
import { frameOf } from '../../src/resp/frame.js'
import { startRedis } from '../helpers/proxy.js'

const redis = await startRedis(t)
const conn = await redis.connect()

const bytes = (text: string) => Buffer.from(text, 'latin1')

t.test('unknown commands are named as Redis names them', async (t) => {
  const commands = [
    ['foo'],
    ['foo', 'a', 'b', 'c'],
    ['', 'a'],
    [''],
    ['x'.repeat(127)],
    ['x'.repeat(129), 'y'.repeat(200)],
    ['foo', 'a'.repeat(127), 'b'],
    ['foo', 'a'.repeat(100), 'b'.repeat(100), 'c'],
    ['foo', 'a'.repeat(124), 'b', 'c'],
    ['foo', 'a'.repeat(125), 'b', 'c'],
    ['foo', ...Array(100).fill('')],
    ['fo\0o', 'a\0b', '\0'],
    ['fo\r\no', 'a\r', '\nb', '\r\n'],
    ['foo\r\n'],
    ["fo'o", "'"],
    ['\xff\xfe\x80', '\xc3\xa9', '%s%n'],
    ['client|list', 'x'],
    ['__proto__', 'toString'],
    ['foo\0', 'a'],
  ]
  for (const command of commands) {
    const args = command.map(bytes)
    t.equal(unknownCommandError(frameOf(args)).toString('latin1'), (await conn.ask(...args)).toString('latin1'))
  }
})

t.test('any bytes as a name and as arguments give the error that Redis gives', async (t) => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.uint8Array({ minLength: 100, maxLength: 150 }),
    fc.constantFrom(bytes('\r\n'), bytes('\0'), bytes(''), bytes("'")),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 12 }), async (pieces) => {
      const args = pieces.map((each) => Buffer.from(each))
      if (lookupCommand(args[0], 0, args[0].length) !== undefined) return true
      return (await conn.ask(...args)).equals(unknownCommandError(frameOf(args)))
    }),
    { numRuns: 500 },
  )
  t.pass()
})

t.test('unknown subcommands are named as Redis names them', async (t) => {
  const names = ['foo', '', 'x'.repeat(200), 'a\0b', 'a\r\nb', '\xff', 'client|list', 'li st']
  for (const container of allRows().filter(({ subcommands, name }) => subcommands !== undefined && !isOwn(name))) {
    for (const name of names) {
      const args = [bytes(container.name), bytes(name), bytes('more')]
      const expected = (await conn.ask(...args)).toString('latin1')
      t.equal(unknownSubcommandError(container.name, frameOf(args)).toString('latin1'), expected)
    }
  }
  t.equal(
    unknownSubcommandError('dt', frameOf(['dt', 'x'])).toString(),
    "-ERR unknown subcommand 'x'. Try DT HELP.\r\n",
  )
})

t.test('a wrong number of arguments is told as Redis tells it, for every command that can have one', async (t) => {
  for (const { name, arity, subcommands } of allRows()) {
    const words = name.split('|')
    const enough = Math.abs(arity)
    if (isOwn(name) || /^client\|(setinfo|no-touch)$/.test(name)) continue
    const commands: string[][] = []
    if (words.length < enough) commands.push(words)
    if (arity > 0) commands.push([...words, ...Array(enough - words.length + 1).fill('x')])
    for (const args of commands) {
      if (subcommands !== undefined && args.length > 1) continue
      t.equal(wrongArityError(rowNamed(name)!).toString(), (await conn.ask(...args)).toString(), args.join(' '))
    }
  }
  t.equal(
    wrongArityError(rowNamed('client|setinfo')!).toString(),
    "-ERR wrong number of arguments for 'client|setinfo' command\r\n",
  )
})

t.test('what is not built yet says so by name', async (t) => {
  t.equal(unsupportedError(rowNamed('multi')!.name).toString(), "-ERR 'multi' is not supported yet by this proxy\r\n")
})
