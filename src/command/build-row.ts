import { classOf } from './command-class.js'
import type { CommandInfo } from './command-info.js'
import { optionsOf } from './options.js'
import { OVERLAY_OF_NEWER } from './overlay.js'
import type { OverlayRow } from './overlay-row.js'
import type { CommandRow, KeyFinder, Reading, Route } from './row.js'

/** One row of the table, from what Redis says of the command and what the overlay says. */
export function buildRow(
  info: CommandInfo,
  overlay: OverlayRow,
  subcommands: readonly CommandRow[],
  learnt = false,
): CommandRow {
  const [, route, replicate, more] = overlay
  const keyFinder = more?.keys ?? (hasKeyRange(info) ? 'range' : 'none')
  return {
    name: info.name,
    arity: more?.arity ?? info.arity,
    oldArity: info.arity,
    flags: info.flags,
    firstKey: info.firstKey,
    lastKey: info.lastKey,
    keyStep: keyFinder === 'numkeys' ? numkeysStep(info) : info.keyStep,
    keyFinder,
    numkeysAt: keyFinder === 'numkeys' ? numkeysAt(info) : 0,
    route,
    replicate,
    timedAs: classOf(route, replicate),
    merge: more?.merge ?? 'none',
    plan: more?.plan,
    gather: more?.gather ?? (readsSeveral(info, overlay, keyFinder) ? 'read' : undefined),
    script: more?.script,
    shape: more?.shape ?? 'generic',
    compare: more?.compare ?? true,
    answersValues: more?.values ?? (learnt || (replicate === 'none' && more?.merge !== 'sum')),
    options: more?.options === undefined ? undefined : optionsOf(more.options),
    reading: more?.reads === undefined ? undefined : readingOf(more.reads),
    plainArgc: more?.plain ?? 0,
    learnt,
    binds: replicate !== 'none' && route !== 'split' && (more?.binds ?? hasSeveralKeys(info, keyFinder)),
    otherDb: more?.otherDb,
    time: more?.time,
    endsDeadline: more?.ends,
    choice: more?.choice,
    elements: more?.elements,
    oneTurn: more?.oneTurn ?? false,
    databases: more?.databases,
    asksAll: more?.asks,
    waits: more?.waits,
    leaves: more?.leaves ?? (learnt && replicate !== 'none' ? 'any' : undefined),
    behindMulti: more?.multi,
    whileListening: more?.listening,
    ownersOnly: more?.owner ?? (OWNERS_ROUTES.has(route) || info.flags.includes('blocking')),
    selects: more?.selects ?? false,
    isProtected: more?.protected ?? false,
    wordsMax: more?.most ?? 0,
    rights: undefined,
    note: more?.note ?? '',
    subcommands: subcommands.length === 0 ? undefined : new Map(subcommands.map((row) => [subcommandName(row), row])),
  }
}

/**
 * The row of a command that only the backends know (of a newer Redis, or of a module), by its flags and key positions
 * [design §5 Command table]. What blocks, changes the connection, has no keys or keys that the specifications do not
 * tell is refused; what writes is copied from the master afterwards. Of some more is known [overlay-newer.ts].
 *
 * @param mayWrite whether a write of a module may be served: its specification need not name all that it writes
 */
export function buildLearntRow(info: CommandInfo, mayWrite: boolean): CommandRow {
  const keys = learntKeyFinder(info)
  const servable = keys !== undefined && !info.flags.some((flag) => REFUSED.has(flag))
  const isOff = isModuleWrite(info.flags) && !mayWrite
  const replicate = info.flags.includes('readonly') ? 'none' : 'copy'
  const [, route, known, more]: OverlayRow = OVERLAY_OF_NEWER.get(info.name) ?? [
    info.name,
    servable && !isOff ? 'key' : 'unsupported',
    replicate,
  ]
  const overlay: OverlayRow = [info.name, route, known, { keys: keys ?? 'none', compare: false, ...more }]
  const subcommands = info.subcommands.map((sub) => buildLearntRow(sub, mayWrite))
  return buildRow(info, overlay, subcommands, true)
}

/** Where others are told of something, or may be: a script publishes. */
const OWNERS_ROUTES: ReadonlySet<Route> = new Set<Route>(['channels', 'blocking', 'script', 'function'])

/** By the flags of a command. */
export function isModuleWrite(flags: readonly string[]): boolean {
  return flags.includes('module') && !flags.includes('readonly')
}

/** Flags of commands that block, belong to a connection's state, or concern the server alone. */
const REFUSED = new Set(['blocking', 'pubsub', 'admin', 'no_multi', 'skip_monitor', 'asking', 'no_auth'])

function learntKeyFinder(info: CommandInfo): KeyFinder | undefined {
  // There are keys that the specification does not tell.
  if (info.keySpecs.some(({ flags }) => flags.includes('incomplete'))) return undefined
  if (info.keySpecs.length === 1 && numkeysAt(info) > 0) return 'numkeys'
  if (info.flags.includes('movablekeys') || !hasKeyRange(info) || info.keyStep <= 0) return undefined
  return 'range'
}

function hasSeveralKeys(info: CommandInfo, keyFinder: KeyFinder): boolean {
  return keyFinder === 'range' ? info.lastKey !== info.firstKey : keyFinder !== 'none'
}

/** Streams are read from where somebody stopped before: that is another way of serving. */
function readsSeveral(info: CommandInfo, [, route, replicate]: OverlayRow, keyFinder: KeyFinder): boolean {
  return route === 'key' && replicate === 'none' && keyFinder !== 'streams' && hasSeveralKeys(info, keyFinder)
}

/** The channels of sharded pub/sub stand in the place of keys, but are none. */
function hasKeyRange(info: CommandInfo): boolean {
  return info.firstKey > 0 && !info.keySpecs.some(({ flags }) => flags.includes('not_key'))
}

/** The index of the argument that counts the keys: the start of the key specification of type keynum. */
function numkeysAt(info: CommandInfo): number {
  const spec = numkeysSpec(info)
  return spec === undefined ? 0 : spec.index + spec.findKeys.keynumidx
}

/** Every so many of the arguments behind that is a key. */
function numkeysStep(info: CommandInfo): number {
  return numkeysSpec(info)?.findKeys.keystep ?? 1
}

function numkeysSpec(info: CommandInfo) {
  for (const { beginSearch, findKeys } of info.keySpecs) {
    if (beginSearch.type !== 'index' || findKeys.type !== 'keynum') continue
    if (findKeys.firstkey === findKeys.keynumidx + 1 && findKeys.keystep > 0)
      return { index: beginSearch.index, findKeys }
  }
  return undefined
}

function readingOf(cell: string): Reading {
  const [name, ...writing] = cell.toLowerCase().split(' ')
  return { name, writing: new Set(writing) }
}

function subcommandName(row: CommandRow): string {
  return row.name.slice(row.name.indexOf('|') + 1)
}
