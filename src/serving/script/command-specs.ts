import type { CommandRow } from '../../command/row.js'
import { allRows, rowNamed } from '../../command/table.js'

/**
 * What the prologue of a script has to know of each command, in a few letters: what of it is noted for the backups, whether it needs
 * memory, and where its keys are. For most commands it follows from the table; here is what does not.
 *
 *     w1    a write of one key, noted as it is          W1        the same, of a command that needs memory
 *     r1    a read                                      r1,-1,1   a read of all its arguments
 *
 *     how       -  no key, nothing to note: PING        n  not to be had inside a script      N  refused by Redis there,
 *                  both with the arity behind it, which comes before, and `:` and where its keys are, if it has some
 *               r  a read                               w  the command itself is noted
 *               q  what no one server can tell, see `questions`
 *               i  what the proxy tells of itself or of all servers, with the arity
 *               m  one that waits elsewhere and does not in a script: what does not wait is noted
 *               c  nobody can tell: the keys are copied
 *               others: see HOW, and the prologue
 *     keys      1  the first argument                   f,l,s  from … to …, every so many     np, npd  behind their number; np,s  every so many
 *               s  behind STREAMS                       o, g   SORT, GEORADIUS
 */
const HOW: Readonly<Record<string, string>> = {
  expire: 'e',
  pexpire: 'e',
  expireat: 'e',
  pexpireat: 'e',
  set: 's',
  setex: 't',
  psetex: 't',
  getex: 'g',
  restore: 'l',
  'restore-asking': 'l',
  spop: 'p',
  xadd: 'x',
  xtrim: 'y',
  // Of how long something is idle each server has its own opinion.
  xautoclaim: 'c',
  incrbyfloat: 'f',
  hincrbyfloat: 'h',
  xreadgroup: 'k',
  sort: 'b',
  ping: '-',
  echo: '-',
  time: '-',
  lolwut: '-',
  keys: 'q',
  scan: 'q',
  dbsize: 'q',
  randomkey: 'q',
  blmpop: 'm',
  bzmpop: 'm',
  publish: 'q',
  spublish: 'q',
  // What else the member would say of all its keys.
  move: 'n',
  copy: 'd',
}
/** Served over all members when a client sends them, because of their cursors; inside a script one server answers all of it. */
const WALKS: ReadonlySet<string> = new Set(['hscan', 'sscan', 'zscan'])

/** What the proxy tells of itself, or of all servers. */
const TOLD = /^(info|lastsave|(command|memory|pubsub|slowlog)\|.*)$/

/** The spec of a command; undefined when the table does not know it. `name` in any case; nobody calls a subcommand by one word. */
export function specOf(name: string): string | undefined {
  const row = name.includes('|') ? undefined : rowNamed(name.toLowerCase())
  return row === undefined ? undefined : specOfRow(row)
}

/** Where its keys are, for commands that have one, the first argument, or nothing but keys. */
export function keysIn(name: string): 'first' | 'all' | undefined {
  const spec = specOf(name) ?? ''
  if (/^[a-hj-mo-zA-MO-Z]1$/.test(spec)) return 'first'
  return /^[rw]1,-1,1$/.test(spec) ? 'all' : undefined
}

/** Whether this is a spec of those for which the prologue has a short way. */
export function isShort(spec: string): boolean {
  return /^[rwWe]1$/.test(spec)
}

/** All specs, for commands that a script makes up: `\n<name> <spec>\n…`. */
export function allSpecs(): string {
  return `\n${allRows()
    .map((row) => `${row.name} ${specOfRow(row)}\n`)
    .join('')}`
}

function specOfRow(row: CommandRow): string {
  if (row.subcommands !== undefined) return 'C'
  const keys = row.keyFinder === 'none' ? '' : `:${keysOf(row)}`
  if (row.flags.includes('noscript')) return `N${row.arity}${keys}`
  const how = howOf(row)
  if (how === 'n') return TOLD.test(row.name) ? `i${row.arity}` : `n${row.arity}${keys}`
  if (how === '-' || how === 'q') return how
  const letter = row.flags.includes('denyoom') && how !== 'r' ? how.toUpperCase() : how
  return letter + keysOf(row)
}

function howOf(row: CommandRow): string {
  const how = HOW[row.name]
  if (how !== undefined) return how
  // What one that writes has done only its server knows.
  if (row.learnt) return row.route !== 'key' ? 'n' : row.replicate === 'none' ? 'r' : 'c'
  if (WALKS.has(row.name)) return 'r'
  if (row.route === 'any') return '-'
  if (row.route !== 'key' && row.route !== 'split') return 'n'
  if (row.replicate === 'none') return 'r'
  return row.replicate === 'copy' ? 'c' : 'w'
}

function keysOf(row: CommandRow): string {
  switch (row.keyFinder) {
    case 'numkeys':
      return `n${row.numkeysAt}${row.keyStep > 1 ? `,${row.keyStep}` : ''}${row.firstKey > 0 ? 'd' : ''}`
    case 'streams':
      return 's'
    case 'sort':
      return 'o'
    case 'store':
      return 'g'
    default:
      if (row.gather === 'sort') return 'o'
      return row.firstKey === 1 && row.lastKey === 1 ? '1' : `${row.firstKey},${row.lastKey},${row.keyStep}`
  }
}
