import { lowerWord } from '../base/ascii.js'
import { canHaveKeys, keyReferences } from '../command/introspection-keys.js'
import { findKeys, sortPatterns } from '../command/keys.js'
import type { CommandRow } from '../command/row.js'
import { argumentOf, argumentsOf, type Frame } from '../resp/frame.js'
import { infoOf } from './command-rights.js'
import { type KeyPattern, READ, type Selector, WRITE } from './selector.js'
import type { User } from './user.js'

/** Why a command is not allowed, and which of its arguments is not. The further down, the more it says when selectors differ. */
export interface Denial {
  readonly reason: Reason
  readonly at: number
}

export type Reason = 'command' | 'key' | 'channel'

const WEIGHT: Readonly<Record<Reason, number>> = { command: 1, key: 2, channel: 3 }

/** The commands that name channels: which arguments are some, and whether they are patterns [Redis acl.c ACLSelectorCheckCmd]. */
const CHANNELS: Readonly<Record<string, { readonly several: boolean; readonly literal: boolean }>> = {
  publish: { several: false, literal: false },
  spublish: { several: false, literal: false },
  subscribe: { several: true, literal: false },
  ssubscribe: { several: true, literal: false },
  psubscribe: { several: true, literal: true },
}

/** A key of a command, and what is done with it. */
interface Touch {
  readonly at: number
  readonly access: number
}

/** What the rules have to know of a command. */
interface Facts {
  /** Of most commands with keys: the place of the one key, and what is done with it. */
  readonly one: Touch | undefined
  readonly hasKeys: boolean
  readonly isWithoutLogin: boolean
  readonly argumentAt: number
}

const known = new Map<string, Facts>()

/**
 * Why a user may not execute a command; undefined when it may. One selector has to allow all of it. Of several that do not, the
 * one that goes furthest says why [Redis acl.c ACLCheckAllUserCommandPerm].
 *
 * @param row as its client has named it, not the form in which it may be served
 */
export function denialOf(user: User, row: CommandRow, frame: Frame): Denial | undefined {
  if (user.mayAll) return undefined
  let relevant: Reason = 'command'
  let last = 0
  let at = 0
  let touched: readonly Touch[] | undefined
  const facts = factsOf(row)
  for (const selector of user.selectors) {
    let reason: Reason | undefined = allowsCommand(selector, row, facts, frame) ? undefined : 'command'
    if (reason === undefined && facts.hasKeys && !selector.allKeys) {
      touched ??= keysOf(row, facts, frame)
      const wrong = touched.find((touch) => !allowsKey(selector, argumentOf(frame, touch.at), touch.access))
      if (wrong !== undefined) {
        reason = 'key'
        at = wrong.at
      }
    }
    if (reason === undefined && !selector.allChannels && row.name in CHANNELS) {
      const wrong = deniedChannel(selector, row.name, frame)
      if (wrong > 0) {
        reason = 'channel'
        at = wrong
      }
    }
    if (reason === undefined) return undefined
    if (WEIGHT[reason] < WEIGHT[relevant] || (reason === relevant && at <= last)) continue
    relevant = reason
    last = at
  }
  return { reason: relevant, at: last }
}

/** Whether it may listen to a channel, or to a pattern. */
export function mayListen({ selectors }: User, channel: Buffer, isPattern: boolean): boolean {
  return selectors.some((selector) => selector.allChannels || allowsChannel(selector, channel, isPattern))
}

/**
 * Why a SORT or SORT_RO that may be executed is refused all the same: patterns read any keys, so they are for those who may
 * read all [Redis sort.c sortCommandGeneric].
 */
export function sortDenial(user: User, row: CommandRow, frame: Frame): 'BY' | 'GET' | undefined {
  if (user.mayAll || row.gather !== 'sort') return undefined
  const facts = factsOf(row)
  const mayAny = user.selectors.some((selector) => {
    if (!selector.mayTouchAny(READ) || !allowsCommand(selector, row, facts, frame)) return false
    return keysOf(row, facts, frame).every(({ at, access }) => allowsKey(selector, argumentOf(frame, at), access))
  })
  if (mayAny) return undefined
  const patterns = new Set(sortPatterns(frame))
  for (let i = 2; i < frame.argc; i++) {
    const word = lowerWord(argumentOf(frame, i))
    if (word === 'limit') i += 2
    else if (word === 'store') i++
    else if (word === 'get' && i + 1 < frame.argc) return 'GET'
    else if (word === 'by' && patterns.has(++i)) return 'BY'
  }
  return undefined
}

function allowsCommand({ commands }: Selector, { name }: CommandRow, facts: Facts, frame: Frame): boolean {
  if (facts.isWithoutLogin || commands.allows(name)) return true
  if (!commands.hasFirstArguments(name) || frame.argc <= facts.argumentAt) return false
  return commands.allowsWith(name, lowerWord(argumentOf(frame, facts.argumentAt)))
}

function allowsKey({ allKeys, keys }: Selector, key: Buffer, access: number): boolean {
  return (
    allKeys || keys.some((pattern: KeyPattern) => (pattern.access & access) === access && pattern.glob.matches(key))
  )
}

function deniedChannel(selector: Selector, name: string, frame: Frame): number {
  const { several, literal } = CHANNELS[name]
  for (let i = 1; i < (several ? frame.argc : 2); i++) {
    if (!allowsChannel(selector, argumentOf(frame, i), literal)) return i
  }
  return 0
}

function allowsChannel({ channels }: Selector, name: Buffer, literal: boolean): boolean {
  return channels.some(({ bytes, glob }) => (literal ? bytes.equals(name) : glob.matches(name)))
}

function factsOf(row: CommandRow): Facts {
  const { name } = row
  let facts = known.get(name)
  if (facts === undefined) {
    const info = infoOf(name)
    const specs = info?.keySpecs ?? []
    const [spec] = specs
    const isOne =
      specs.length === 1 &&
      spec.beginSearch.type === 'index' &&
      spec.findKeys.type === 'range' &&
      spec.findKeys.lastkey === 0 &&
      !spec.flags.some((flag) => flag === 'not_key' || flag === 'incomplete' || flag === 'variable_flags')
    facts = {
      one:
        isOne && spec.beginSearch.type === 'index'
          ? { at: spec.beginSearch.index, access: accessOf(spec.flags) }
          : undefined,
      hasKeys: row.learnt ? row.keyFinder !== 'none' : info !== undefined && canHaveKeys(info),
      isWithoutLogin: row.flags.includes('no_auth'),
      argumentAt: name.includes('|') ? 2 : 1,
    }
    known.set(name, facts)
  }
  return facts
}

/**
 * The keys that Redis finds. Where it finds none, may not find where SORT and its like store, or says itself where the keys of a command
 * are that the table does not know, those are asked about, too, that are used to serve it.
 */
function keysOf(row: CommandRow, { one }: Facts, frame: Frame): readonly Touch[] {
  if (one !== undefined && one.at < frame.argc) return [one]
  const found = keyReferences(infoOf(row.name)!, argumentsOf(frame))
  const touched = found.map(({ index, flags }): Touch => ({ at: index, access: accessOf(flags) }))
  if (touched.length > 0 && !row.learnt && row.keyFinder !== 'sort' && row.keyFinder !== 'store') return touched
  const places: number[] = []
  const count = findKeys(row, frame, places)
  const known = new Set(found.map(({ index }) => index))
  for (const at of places.slice(0, count)) if (!known.has(at)) touched.push({ at, access: READ | WRITE })
  return touched
}

/** READ, WRITE, of the flags of a key's specification; both, where it says that it depends on more. */
export function accessOf(flags: readonly string[]): number {
  if (flags.includes('variable_flags')) return READ | WRITE
  const writes = flags.some((flag) => flag === 'insert' || flag === 'update' || flag === 'delete')
  return (flags.includes('access') ? READ : 0) | (writes ? WRITE : 0)
}

/** What is said of it to whoever asks whether a user may do something [Redis acl.c aclCommand DRYRUN]. */
export function explain({ reason, at }: Denial, row: CommandRow, frame: Frame): Buffer {
  if (reason === 'command') return Buffer.from(`This user has no permissions to run the '${row.name}' command`)
  return Buffer.concat([
    Buffer.from("This user has no permissions to access the '"),
    argumentOf(frame, at),
    Buffer.from(`' ${reason}`),
  ])
}

/** What is said to whoever sent it [Redis acl.c getAclErrorMessage, multi.c]. */
export function refusalText({ reason }: Denial, { name }: CommandRow): string {
  if (reason === 'command') return `NOPERM this user has no permissions to run the '${name}' command`
  return `NOPERM this user has no permissions to access one of the ${reason}s used as arguments`
}
