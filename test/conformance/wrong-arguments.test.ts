import t from 'tap'
import type { CommandRow } from '../../src/command/row.js'
import { allRows } from '../../src/command/table.js'
import type { RawClient } from '../helpers/raw-client.js'
import { type Node, readReply, textOf } from '../helpers/raw-reply.js'
import { show } from './compare.js'
import { Pair } from './pair.js'

/*
 * Every command and subcommand with too few, too many and unknown arguments, wherever a client can send it: what is wrong is
 * said in the bytes of Redis.
 */

const pair = await Pair.start(t, { nodes: 2, replicas: 1, sentinels: 1 })

/** Of ours, which Redis 7.0 does not have. */
const OURS = /^((dt|sentinel)(\|.*)?|client\|(setinfo|no-touch))$/

interface Form {
  readonly row: CommandRow
  readonly words: readonly string[]
}

function formsOf(row: CommandRow): Form[] {
  const name = row.name.split('|')
  const least = Math.abs(row.arity)
  const sized = (count: number) => [...name, ...Array(Math.max(0, count - name.length)).fill('x')]
  const counts = new Set([least - 1, least, least + 1, least + 2].filter((count) => count >= name.length))
  const forms = [...counts].map(sized)
  if (row.subcommands !== undefined && row.name !== 'command')
    return [[row.name], [row.name, 'nosuch'], [row.name, 'nosuch', 'x']].map((words) => ({ row, words }))
  return forms
    .filter((words) =>
      row.arity > 0 ? words.length !== row.arity : words.length > name.length || words.length < least,
    )
    .map((words) => ({ row, words }))
}

/** What is not served is asked for with a wrong number alone. */
function isComparable({ row, words }: Form): boolean {
  const hasWrongNumber = row.arity > 0 ? words.length !== row.arity : words.length < -row.arity
  return hasWrongNumber || !/^(refused|unsupported)$/.test(row.route)
}

const forms = allRows()
  .filter(({ name }) => !OURS.test(name))
  .flatMap(formsOf)
  .filter(isComparable)

/** What a script is refused, though its arguments are right or would be found wrong by what is not asked. */
const NOT_INSIDE = /^ERR '(flushall|flushdb)' is not executed inside scripts by this proxy/

/** Errors are the same bytes; of what is none only that it is none. */
function agree(ours: Node, theirs: Node): boolean {
  if (ours.type === '-') {
    const wanted = theirs.type === '-' ? textOf(theirs) : ''
    return textOf(ours) === wanted || (NOT_INSIDE.test(textOf(ours)) && !wanted.startsWith('ERR Wrong number of args'))
  }
  if (theirs.type === '-') return false
  if (!('items' in ours) || !('items' in theirs)) return true
  return ours.items.every((item, i) => theirs.items[i] === undefined || agree(item, theirs.items[i]))
}

/** What is answered, or that the connection is closed. */
async function asked(client: RawClient, lines: readonly (readonly string[])[]): Promise<Buffer[]> {
  const replies: Buffer[] = []
  for (const line of lines) replies.push(await client.ask(...line).catch(() => Buffer.from('-closed\r\n')))
  return replies
}

/** What differs when a client sends these lines one by one. */
async function difference(lines: readonly (readonly string[])[], proto: 2 | 3): Promise<string[]> {
  const { ours, theirs, close } = await pair.connect(proto)
  const [a, b] = await Promise.all([asked(ours, lines), asked(theirs, lines)])
  close()
  const at = lines.findIndex((_, i) => !agree(readReply(a[i]), readReply(b[i])))
  if (at < 0) return []
  const sent = lines.slice(0, at + 1).map((words) => words.join(' '))
  return [`${sent.join(' / ')}\n  dt    ${show(a[at])}\n  redis ${show(b[at])}`]
}

const TOGETHER = 16

async function differences(about: (form: Form) => readonly (readonly string[])[], proto: 2 | 3 = 2): Promise<string> {
  const found: string[] = []
  // Whether there is a user x depends on who comes first.
  const isOrdered = ({ row }: Form) => row.name.startsWith('acl|')
  const others = forms.filter((form) => !isOrdered(form))
  for (let i = 0; i < others.length; i += TOGETHER) {
    const some = others.slice(i, i + TOGETHER).map((form) => difference(about(form), proto))
    found.push(...(await Promise.all(some)).flat())
  }
  for (const form of forms.filter(isOrdered)) found.push(...(await difference(about(form), proto)))
  return found.join('\n')
}

t.test('plain', async (t) => {
  t.ok(forms.length > 700)
  t.equal(await differences(({ words }) => [words]), '')
  t.equal(await differences(({ words }) => [words], 3), '')
})

t.test('between MULTI and EXEC', async (t) => {
  t.equal(await differences(({ words }) => [['MULTI'], words, ['EXEC'], ['PING']]), '')
})

t.test('in a script', async (t) => {
  t.equal(await differences(({ words }) => [['EVAL', 'return redis.call(unpack(ARGV))', '0', ...words]]), '')
  t.equal(await differences(({ words }) => [['EVAL', 'return redis.pcall(unpack(ARGV))', '0', ...words]]), '')
})

t.test('of a client that listens', async (t) => {
  t.equal(await differences(({ words }) => [['SUBSCRIBE', 'channel'], words]), '')
})
