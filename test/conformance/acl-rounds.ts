import { COMMANDS } from '../../src/command/commands.generated.js'
import { Random } from '../chaos/random.js'
import { type Arg, command, type RawClient } from '../helpers/raw-client.js'
import { itemsOf, type Node, readReply, textOf } from '../helpers/raw-reply.js'
import { show } from './compare.js'

/*
 * Users with rules that a seed chooses, on a Redis and on a proxy: what both say of the rules, of what the user may, and to the user
 * itself, with the log of what was refused.
 */

export interface Sides {
  readonly ours: RawClient
  readonly theirs: RawClient
}

export interface AclRounds {
  connect(): Promise<Sides & { close(): void }>
}

type Words = readonly Arg[]

const ALL = COMMANDS.flatMap((info) => [info, ...info.subcommands])
const CATEGORIES = [...new Set(ALL.flatMap(({ categories }) => categories))]
/** What may be executed again and again beside others, and answers at once. */
const HARMLESS = COMMANDS.filter(({ name, flags, categories, subcommands }) => {
  const isOther = ['blocking', 'pubsub', 'admin', 'noscript', 'movablekeys'].some((flag) => flags.includes(flag))
  if (name === 'sort' || name === 'sort_ro' || name === 'set' || name === 'bitfield') return true
  return (
    !isOther && subcommands.length === 0 && !categories.includes('@dangerous') && !['lolwut', 'wait'].includes(name)
  )
})

const KEYS = ['a', 'ab', 'b', 'k:1', 'k:2', 'K', '', '*', 'a*', '{a}b', 'k[1]', 'x\\y']
const PATTERNS = ['a', 'a*', '*b', 'k:*', 'k:[12]', '?', '*', 'K', '[^a]*', 'x\\\\y', '**', 'k[1]', '']
const CHANNELS = ['news', 'news.*', 'n*', 'other', '*']
const WORDS = [
  'STORE',
  'GET',
  'BY',
  'STREAMS',
  'LIMIT',
  'STOREDIST',
  'KEYS',
  'COUNT',
  'GROUP',
  'u8',
  'BLOCK',
  'EX',
  'INCRBY',
]
const NUMBERS = ['0', '1', '2', '3', '-1', '10']

const CALLS_ANY = 'return redis.pcall(unpack(ARGV))'
const DENIED = /^-(ERR The user executing the script|NOPERM)/
const MINUS = 0x2d

/** Plays a round and gives a sentence for each difference. */
export async function playRound(rounds: AclRounds, seed: number): Promise<{ found: string[]; compared: number }> {
  const random = new Random(seed, 'acl')
  const found: string[] = []
  let compared = 0
  const admin = await rounds.connect()
  const user = await rounds.connect()
  const compare = async (sides: Sides, lines: readonly Words[], form: (reply: Buffer) => unknown): Promise<void> => {
    for (const client of [sides.ours, sides.theirs]) client.send(Buffer.concat(lines.map((line) => command(...line))))
    for (const line of lines) {
      const [a, b] = await Promise.all([sides.ours.reply(), sides.theirs.reply()]).catch((failure: Error) => {
        throw new Error(`${line.map(String).join(' ')}: ${failure.message}`)
      })
      compared++
      if (JSON.stringify(form(a)) === JSON.stringify(form(b))) continue
      found.push(`seed ${seed}: ${line.map(String).join(' ')}\n  dt    ${show(a)}\n  redis ${show(b)}`)
    }
  }
  /** What a script may not do for its user; a command that is wrong in itself is an error in any case. */
  const compareScripts = async ({ ours, theirs }: Sides): Promise<void> => {
    const lines = Array.from({ length: 25 }, () => ['EVAL', CALLS_ANY, '0', ...randomCommand(random, HARMLESS, 0)])
    for (const client of [ours, theirs]) client.send(Buffer.concat(lines.map((line) => command(...line))))
    for (const line of lines) {
      const [a, b] = await Promise.all([ours.reply(), theirs.reply()])
      compared++
      if (/^-ERR '.*' is not executed inside scripts by this proxy/.test(a.toString())) continue
      const isSame = a.equals(b) || !(DENIED.test(b.toString()) || (DENIED.test(a.toString()) && b[0] !== MINUS))
      if (!isSame) found.push(`seed ${seed}: ${line.map(String).join(' ')}\n  dt    ${show(a)}\n  redis ${show(b)}`)
    }
  }
  try {
    await compare(
      admin,
      [
        ['ACL', 'DELUSER', 'u'],
        ['ACL', 'LOG', 'RESET'],
        ['ACL', 'SETUSER', 'u'],
      ],
      String,
    )
    for (let step = 0; step < 3; step++) {
      const rules = Array.from({ length: random.below(5) + 1 }, () => ['ACL', 'SETUSER', 'u', ...randomRule(random)])
      await compare(admin, rules, String)
      await compare(
        admin,
        [
          ['ACL', 'LIST'],
          ['ACL', 'GETUSER', 'u'],
        ],
        withoutOrder,
      )
      await compare(
        admin,
        Array.from({ length: 60 }, () => ['ACL', 'DRYRUN', 'u', ...randomCommand(random, ALL)]),
        String,
      )
    }
    await compare(admin, [['ACL', 'SETUSER', 'u', 'on', 'nopass']], String)
    await compare(
      user,
      [
        ['AUTH', 'u', 'x'],
        ['ACL', 'WHOAMI'],
      ],
      String,
    )
    await compare(
      user,
      Array.from({ length: 20 }, () => randomCommand(random, HARMLESS)),
      refusals,
    )
    const queued = Array.from({ length: 6 }, () => randomCommand(random, HARMLESS))
    await compare(user, [['MULTI'], ...queued], refusals)
    await compare(admin, [['ACL', 'SETUSER', 'u', ...randomRule(random)]], String)
    await compare(user, [['EXEC'], ['DISCARD']], refusals)
    await compare(admin, [['ACL', 'LOG', '100']], logOf)
    await compareScripts(user)
  } catch (failure) {
    found.push(`seed ${seed}: ${failure}`)
  }
  admin.close()
  user.close()
  return { found, compared }
}

function randomRule(random: Random): Words {
  const kind = random.below(20)
  if (kind === 0)
    return [random.pick(['on', 'off', 'nopass', 'resetpass', 'reset', 'sanitize-payload', 'skip-sanitize-payload'])]
  if (kind === 1)
    return [random.pick(['>', '<', '!', '#']) + random.pick(['pw', 'other', '0'.repeat(64), 'x'.repeat(64), ''])]
  if (kind === 2) return random.pick([['clearselectors'], ['('], [')'], ['(~a', '+get'], ['nonsense'], ['']])
  if (kind <= 5) {
    const inner = Array.from({ length: random.below(4) }, () => plainRule(random))
    return random.chance(0.5)
      ? [`(${inner.join(' ')})`]
      : [`(${inner[0] ?? ''}`, ...inner.slice(1), `${plainRule(random)})`]
  }
  return [plainRule(random)]
}

function plainRule(random: Random): string {
  const kind = random.below(12)
  if (kind < 4) return random.pick(['~', '~', '%R~', '%W~', '%RW~', '%rw~', '%~', '%X~']) + random.pick(PATTERNS)
  if (kind < 5) return random.pick(['allkeys', 'resetkeys', 'allchannels', 'resetchannels', '&*', '~*'])
  if (kind < 6) return `&${random.pick(CHANNELS)}`
  if (kind < 7) return random.pick(['+@all', '-@all', 'allcommands', 'nocommands'])
  if (kind < 9) return random.pick(['+', '-']) + random.pick([...CATEGORIES, '@nonsense'])
  const name = random.pick(ALL).name
  if (kind < 11) return random.pick(['+', '-']) + random.pick([name, name.toUpperCase()])
  return `+${random.pick(['get', 'select', 'debug', 'client', 'config|set', 'nonsense'])}|${random.pick(['a', '0', 'list', '', 'GET'])}`
}

function randomCommand(random: Random, infos: typeof ALL, shortened = 0.03): Words {
  const { name, arity } = random.pick(infos)
  const words: Arg[] = name.split('|')
  const least = Math.abs(arity) - words.length
  const more = arity < 0 ? random.below(5) : 0
  for (let i = 0; i < least + more; i++) {
    const kind = random.below(10)
    words.push(random.pick(kind < 6 ? KEYS : kind < 8 ? NUMBERS : kind < 9 ? WORDS : CHANNELS))
  }
  // Of this form both are to find the same keys.
  if (name === 'pfmerge' && words.length === 2) words.push('a')
  return words.length > 1 && random.chance(shortened) ? words.slice(0, -1) : words
}

/** What is refused by the rules, in order; all else differs by what the data are. */
function refusals(reply: Buffer): readonly string[] {
  return reply.toString('latin1').match(/^-(?:NOPERM|EXECABORT|ERR (?:BY|GET) option|ERR EXEC).*$/gm) ?? []
}

/** Single commands come in the order of a hash table; and the proxy has some of its own. */
function withoutOrder(reply: Buffer): unknown {
  const inOrder = (node: Node): unknown => ('items' in node ? itemsOf(node).map(inOrder) : rulesInOrder(textOf(node)))
  return inOrder(readReply(reply))
}

function rulesInOrder(text: string): string {
  const words = text.replaceAll(')', ' )').split(' ')
  const ordered: string[] = []
  let run: string[] = []
  for (const word of [...words, '']) {
    if (/^[+-][^@]/.test(word)) {
      if (!/^[+-](?:dt|client\|(setinfo|no-touch)$)/.test(word)) run.push(word)
      continue
    }
    ordered.push(...run.sort(), word)
    run = []
  }
  return ordered.join(' ')
}

/** Without ages and what is told of clients. */
function logOf(reply: Buffer): unknown {
  return itemsOf(readReply(reply)).map((entry) => itemsOf(entry).slice(0, 10).map(textOf))
}
