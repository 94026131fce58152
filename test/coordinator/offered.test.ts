import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { rowNamed } from '../../src/command/table.js'
import { learnCommands } from '../../src/coordinator/learn-commands.js'
import { Offered } from '../../src/coordinator/offered.js'
import type { Order } from '../../src/order/order.js'
import { encodeReply, type Reply } from '../../src/resp/encode.js'
import { frameOf } from '../../src/resp/frame.js'
import { LogLines } from '../helpers/log-lines.js'

/* While the members are of several kinds, what only some of them know is refused before anybody has it. */

/** A server that knows this command beside those of the table. */
async function serverOf(name: string, version: string, ...commands: string[]): Promise<Link> {
  const answers: Record<string, Reply> = {
    'COMMAND COUNT': 240 + commands.length,
    'COMMAND LIST': ['get', 'set', ...commands],
  }
  const entry = (command: string): Reply => [command, -2, ['write'], 1, 1, 1, [], [], [], []]
  const call = async (args: readonly string[]) =>
    answers[args.join(' ')] ?? (args[1] === 'INFO' ? args.slice(2).map(entry) : [])
  const link = { name, info: { kind: { product: 'Redis', version } }, call } as unknown as Link
  await learnCommands(link, [], new LogLines().log)
  return link
}

function offeredBy(...links: Link[]): Offered {
  const offered = new Offered({ router: { links } } as unknown as Order)
  offered.changed()
  return offered
}

function refusal(offered: Offered, line: string): string | undefined {
  const words = line.split(' ')
  const said = offered.refusal(frameOf(words), rowNamed(words[0].toLowerCase())!)
  return said === undefined ? undefined : encodeReply(said, 2).toString()
}

t.test('a learnt command is served and listed when all members have it', async (t) => {
  const [old, newer, other] = await Promise.all([
    serverOf('dt-1', '7.0.15'),
    serverOf('dt-2', '9.8.0', 'offered.set'),
    serverOf('dt-3', '9.8.0', 'offered.set'),
  ])
  const all = offeredBy(newer, other)
  t.notOk(all.areMixed)
  t.ok(all.has('offered.set'))
  t.equal(refusal(all, 'offered.set k v'), undefined)
  const mixed = offeredBy(old, newer, other)
  t.ok(mixed.areMixed)
  t.notOk(mixed.has('offered.set'))
  t.ok(mixed.has('get'))
  t.equal(
    refusal(mixed, 'offered.set k v'),
    "-ERR 'offered.set' is unknown to dt-1, which is Redis 7.0.15, and all servers of the ring have to know it; the command was not applied\r\n",
  )
})

t.test('words that Redis 7.0 does not have are refused in writes, and no others', async (t) => {
  const mixed = offeredBy(await serverOf('dt-1', '9.8.1'), await serverOf('dt-2', '7.0.15'))
  for (const line of [
    'SET k v IFEQ x',
    'SET k v NX ifne y',
    'XADD k KEEPREF * a 1',
    'XTRIM k MAXLEN 5 ACKED',
    'BITOP DIFF d a b',
    'ZADD k NEWER 1 a',
    'EXPIRE k 10 NEWER',
  ]) {
    t.match(
      refusal(mixed, line),
      /^-ERR an argument of '[a-z]+' may be unknown to dt-2, which is Redis 7\.0\.15, .* was not applied/,
      line,
    )
  }
  for (const line of [
    'SET k v',
    'SET k v NX EX 10 GET',
    'SET k ifeq',
    'XADD k NOMKSTREAM MAXLEN ~ 5 * keepref 1',
    'BITOP AND d diff one',
    'ZADD k NX CH 1 a',
    'GET k',
    'LPOS k v NEWER 1',
  ]) {
    t.equal(refusal(mixed, line), undefined, line)
  }
})
