import { lowerWord, wordOf } from '../base/ascii.js'
import type { CommandInfo, KeySpec } from './command-info.js'

/** A key as COMMAND GETKEYSANDFLAGS shows it: the index of the argument, and how the command uses it. */
export interface KeyReference {
  readonly index: number
  readonly flags: readonly string[]
}

/** The order in which Redis lists the flags of a key [Redis server.c addReplyFlagsForKeyArgs] is that of these literals. */
const NONE = Buffer.alloc(0)

const READ = ['RO', 'access']
const STORE = ['OW', 'update']
const READ_AND_UPDATE = ['RW', 'access', 'update']
const MOVE_AWAY = ['RW', 'access', 'delete']
const DELETE = ['RM', 'delete']
const COMPARE_AND_DELETE = ['RW', 'delete']

/**
 * The keys of a command as COMMAND GETKEYS of Redis 7.0 finds them, its mistakes included [Redis db.c
 * getKeysFromCommandWithSpecs]: first by the command's key specifications, and where these do not tell by a function
 * made for the command. For showing only: the data path uses `findKeys`. `args` begins with the command's name. Empty
 * when there are no keys or the arguments make no sense.
 */
export function keyReferences(info: CommandInfo, args: readonly Buffer[]): KeyReference[] {
  const real = info.keySpecs.filter((spec) => !spec.flags.includes('not_key'))
  const special = Object.hasOwn(SPECIAL, info.name) ? SPECIAL[info.name] : undefined
  // What a newer command does with its keys may depend on words that nobody here knows; where they are does not.
  const isVariable = special !== undefined && info.keySpecs.some((spec) => spec.flags.includes('variable_flags'))
  if (real.length > 0 && !isVariable) {
    const keys = keysBySpecs(real, args)
    if (keys !== undefined) return keys
  }
  return special?.(args) ?? []
}

/** Whether a command can have keys at all [Redis db.c doesCommandHaveKeys]. */
export function canHaveKeys(info: CommandInfo): boolean {
  return info.keySpecs.some((spec) => !spec.flags.includes('not_key'))
}

function keysBySpecs(specs: readonly KeySpec[], args: readonly Buffer[]): KeyReference[] | undefined {
  const keys: KeyReference[] = []
  for (const spec of specs) {
    const begin = beginOf(spec, args)
    if (begin === undefined) return undefined
    if (begin === 0) continue
    const range = rangeOf(spec, begin, args)
    if (range === undefined) return undefined
    const { first, last, step } = range
    if (last >= args.length || last < first || first >= args.length) return undefined
    for (let index = first; index <= last; index += step) keys.push({ index, flags: spec.flags })
    if (spec.flags.includes('incomplete')) return undefined
  }
  return keys
}

/** The index where the search for keys begins, 0 if its keyword is not there, undefined if nobody knows. */
function beginOf({ beginSearch }: KeySpec, args: readonly Buffer[]): number | undefined {
  if (beginSearch.type === 'unknown') return undefined
  if (beginSearch.type === 'index') return beginSearch.index
  const { keyword, startfrom } = beginSearch
  const forward = startfrom > 0
  const start = forward ? startfrom : args.length + startfrom
  const end = forward ? args.length - 1 : 1
  const step = start <= end ? 1 : -1
  for (let i = start; i !== end && i >= 1 && i < args.length; i += step) {
    if (lowerWord(args[i]) === keyword.toLowerCase()) return i + 1
  }
  return 0
}

function rangeOf(
  { findKeys }: KeySpec,
  begin: number,
  args: readonly Buffer[],
): { first: number; last: number; step: number } | undefined {
  if (findKeys.type === 'unknown') return undefined
  const step = Math.max(findKeys.keystep, 1)
  if (findKeys.type === 'range') {
    const { lastkey, limit } = findKeys
    if (lastkey >= 0) return { first: begin, last: begin + lastkey, step }
    if (limit === 0) return { first: begin, last: args.length + lastkey, step }
    return { first: begin, last: begin + Math.trunc((args.length - begin) / limit) + lastkey, step }
  }
  const numkeys = wordOf(args[begin + findKeys.keynumidx] ?? NONE)
  if (!/^(0|[1-9]\d*)$/.test(numkeys) || BigInt(numkeys) > 0x7fffffffffffffffn) return undefined
  const first = begin + findKeys.firstkey
  // The keys of MSETEX have values between them.
  return { first, last: first + (Number(BigInt.asIntN(32, BigInt(numkeys))) - 1) * step, step }
}

/** Redis's functions for single commands: those whose specifications are incomplete or have variable flags, and fallbacks. */
const SPECIAL: Readonly<Record<string, (args: readonly Buffer[]) => KeyReference[]>> = {
  set: (args) => {
    const get = args.slice(3).some((arg) => lowerWord(arg) === 'get')
    return [{ index: 1, flags: get ? READ_AND_UPDATE : STORE }]
  },
  bitfield: (args) => [{ index: 1, flags: bitfieldOnlyReads(args) ? READ : READ_AND_UPDATE }],
  // Of Redis 8.4.
  delex: (args) => [{ index: 1, flags: args.length === 2 ? DELETE : COMPARE_AND_DELETE }],
  sort_ro: () => [{ index: 1, flags: READ }],
  sort: sortKeys,
  xread: streamKeys,
  xreadgroup: streamKeys,
  migrate: migrateKeys,
  // A count that string2ll refuses and atoi reads (` 2`, `2x`) gives keys without flags.
  sintercard: (args) => countedKeys(args, 0, 1),
  lmpop: (args) => countedKeys(args, 0, 1),
  zmpop: (args) => countedKeys(args, 0, 1),
  zdiff: (args) => countedKeys(args, 0, 1),
  zinter: (args) => countedKeys(args, 0, 1),
  zintercard: (args) => countedKeys(args, 0, 1),
  zunion: (args) => countedKeys(args, 0, 1),
  zdiffstore: (args) => countedKeys(args, 1, 2),
  zinterstore: (args) => countedKeys(args, 1, 2),
  zunionstore: (args) => countedKeys(args, 1, 2),
  blmpop: (args) => countedKeys(args, 0, 2),
  bzmpop: (args) => countedKeys(args, 0, 2),
  eval: (args) => countedKeys(args, 0, 2),
  evalsha: (args) => countedKeys(args, 0, 2),
  eval_ro: (args) => countedKeys(args, 0, 2),
  evalsha_ro: (args) => countedKeys(args, 0, 2),
  fcall: (args) => countedKeys(args, 0, 2),
  fcall_ro: (args) => countedKeys(args, 0, 2),
}

/** [Redis db.c genericGetKeys] */
function countedKeys(args: readonly Buffer[], destination: number, countAt: number): KeyReference[] {
  const first = countAt + 1
  const count = atoi(args[countAt])
  if (count < 1 || count > args.length - first) return []
  const keys: KeyReference[] = []
  for (let i = 0; i < count; i++) keys.push({ index: first + i, flags: [] })
  if (destination > 0) keys.push({ index: destination, flags: [] })
  return keys
}

/** [Redis db.c bitfieldGetKeys] */
function bitfieldOnlyReads(args: readonly Buffer[]): boolean {
  for (let i = 2; i < args.length; i++) {
    const rest = args.length - i - 1
    const option = lowerWord(args[i])
    if (option === 'get' && rest >= 2) i += 2
    else if (option === 'overflow' && rest >= 1) i++
    else return false
  }
  return true
}

/** [Redis db.c sortGetKeys], which takes the argument of STORE for the next option. */
function sortKeys(args: readonly Buffer[]): KeyReference[] {
  let store: KeyReference | undefined
  for (let i = 2; i < args.length; i++) {
    const option = lowerWord(args[i])
    if (option === 'limit') i += 2
    else if (option === 'get' || option === 'by') i++
    else if (option === 'store' && i + 1 < args.length) store = { index: i + 1, flags: STORE }
  }
  const key = { index: 1, flags: READ }
  return store === undefined ? [key] : [key, store]
}

/** [Redis db.c xreadGetKeys] */
function streamKeys(args: readonly Buffer[]): KeyReference[] {
  let i = 1
  for (; i < args.length && lowerWord(args[i]) !== 'streams'; i++) {
    const option = lowerWord(args[i])
    if (option === 'block' || option === 'count') i++
    else if (option === 'group') i += 2
    else if (option !== 'noack') return []
  }
  const count = (args.length - i - 1) / 2
  if (count < 1 || !Number.isInteger(count)) return []
  return Array.from({ length: count }, (_, k) => ({ index: i + 1 + k, flags: [] }))
}

/** [Redis db.c migrateGetKeys] */
function migrateKeys(args: readonly Buffer[]): KeyReference[] {
  for (let i = 6; i < args.length; i++) {
    const option = lowerWord(args[i])
    if (option === 'keys') {
      if (args[3].length > 0) return []
      return args.slice(i + 1).map((_, k) => ({ index: i + 1 + k, flags: MOVE_AWAY }))
    }
    if (option === 'auth') i++
    else if (option === 'auth2') i += 2
  }
  return [{ index: 3, flags: MOVE_AWAY }]
}

/** C's atoi: blanks, a sign, digits; what follows is ignored. */
function atoi(arg: Buffer): number {
  const digits = /^[ \t\n\v\f\r]*([+-]?\d+)/.exec(wordOf(arg))?.[1]
  if (digits === undefined) return 0
  const value = BigInt(digits)
  const long =
    value > 0x7fffffffffffffffn ? 0x7fffffffffffffffn : value < -0x8000000000000000n ? -0x8000000000000000n : value
  return Number(BigInt.asIntN(32, long))
}
