import { equalsIgnoreCase } from '../base/ascii.js'
import { assert } from '../base/assert.js'
import type { Frame } from '../resp/frame.js'
import type { Shape } from '../resp/resp3-to-resp2.js'
import { buildLearntRow, buildRow } from './build-row.js'
import type { CommandInfo } from './command-info.js'
import { COMMANDS } from './commands.generated.js'
import { NameIndex } from './name-index.js'
import { OVERLAY } from './overlay.js'
import { NEWER_OF_CLIENT, OWN_COMMANDS } from './own-commands.js'
import type { CommandRow } from './row.js'

/*
 * The command table: what Redis 7.0 says of its commands (commands.generated.ts), the proxy's own commands
 * (own-commands.ts), the columns by hand (overlay.ts), and what is learnt of commands that only the backends know.
 */

/** Longer than every name; longer bytes are no command and are not hashed. */
const NAME_MAX_BYTES = 64

const commands = new NameIndex()
const subcommands = new NameIndex()
const rows = new Map<string, CommandRow>()
/** By the names of those that are read so. */
const readingRows = new Map<string, CommandRow>()
const infos: CommandInfo[] = []
const learntSubcommands: CommandInfo[] = []
const infosByName = new Map<string, CommandInfo>()

for (const info of [...COMMANDS, ...OWN_COMMANDS]) {
  addInfo(info)
  addRow(builtRow(info.name === 'client' ? { ...info, subcommands: [...info.subcommands, ...NEWER_OF_CLIENT] } : info))
}
assert(OVERLAY.size === rows.size, 'every row of the overlay names a command')
for (const { name, reading } of rows.values()) {
  if (reading === undefined) continue
  const row = rows.get(reading.name)
  assert(row?.replicate === 'none', `${reading.name} reads`)
  readingRows.set(name, { ...row, name })
}

/**
 * The row of the command that the bytes of `buf` from `start` to `end` name, in any case. A container (`client`) has
 * one too; its subcommand is found with `lookupSubcommand`.
 */
export function lookupCommand(buf: Buffer, start: number, end: number): CommandRow | undefined {
  if (end - start > NAME_MAX_BYTES) return undefined
  return commands.find('', buf, start, end)
}

/** The row of a subcommand of `container` (a row with `subcommands`), in any case. */
export function lookupSubcommand(
  container: CommandRow,
  buf: Buffer,
  start: number,
  end: number,
): CommandRow | undefined {
  if (end - start > NAME_MAX_BYTES) return undefined
  return subcommands.find(container.name, buf, start, end)
}

/** The row of a command, that of its subcommand where it has some and names one; undefined when there is no such command. */
export function rowOf({ buf, argStart, argEnd, argc }: Frame): CommandRow | undefined {
  const row = lookupCommand(buf, argStart[0], argEnd[0])
  if (row?.subcommands === undefined || argc === 1) return row
  return lookupSubcommand(row, buf, argStart[1], argEnd[1])
}

/** How people write a full name: `CONFIG GET` for `config|get`. */
export function shownName(name: string): string {
  return name.toUpperCase().replace('|', ' ')
}

/** The row of the command with this full name, in lower case: `get`, `client|list`. */
export function rowNamed(name: string): CommandRow | undefined {
  return rows.get(name)
}

/** The row of the forms of a command that only read, see reading-form.ts; errors name it as its client has done. */
export function readingRow({ name }: CommandRow): CommandRow | undefined {
  return readingRows.get(name)
}

/** How many rows there are, which grows with what is learnt. */
export function rowsCount(): number {
  return rows.size
}

/** All rows, the subcommands' included; those of one container follow it. */
export function allRows(): CommandRow[] {
  return [...rows.values()]
}

/** What COMMAND says of the commands; the subcommands are inside their containers. */
export function allInfos(): readonly CommandInfo[] {
  return infos
}

/** What servers say of those subcommands that were learnt without their containers, which the table had. */
export function learntSubcommandInfos(): readonly CommandInfo[] {
  return learntSubcommands
}

/** What COMMAND says of the command or subcommand with this full name, in lower case. */
export function infoNamed(name: string): CommandInfo | undefined {
  return infosByName.get(name)
}

/** The shape of the reply of a command that was sent with `argc` arguments, its name included. */
export function replyShape(row: CommandRow, argc: number): Shape {
  if (row.shape !== 'optional-array') return row.shape
  return argc > Math.abs(row.arity) ? 'null-array' : 'generic'
}

/**
 * Whether Redis takes the command for an attack (a web page that makes a browser talk to it), closes the connection
 * without a word and logs a warning [Redis server.c processCommand]: `POST` and `Host:`.
 */
export function isSecurityCommand(buf: Buffer, start: number, end: number): boolean {
  return equalsIgnoreCase(buf, start, end, 'post') || equalsIgnoreCase(buf, start, end, 'host:')
}

/**
 * Adds the commands of a backend's `COMMAND` that the table does not know: those of a newer Redis or of a module, and newer subcommands
 * of old containers. What the table knows stays as it is. Returns the names of the new ones.
 *
 * @param writing names of those that may write although they are of a module
 */
export function learn(entries: readonly CommandInfo[], writing: ReadonlySet<string> = new Set()): string[] {
  const learnt: string[] = []
  for (const info of entries) {
    if (rows.has(info.name) || info.name.length > NAME_MAX_BYTES) continue
    const row = buildLearntRow(info, writing.has(info.name))
    if (info.name.includes('|')) {
      addSubcommand(row)
      learntSubcommands.push(info)
    } else {
      addInfo(info)
      addRow(row)
    }
    learnt.push(info.name)
  }
  return learnt
}

function builtRow(info: CommandInfo): CommandRow {
  const overlay = OVERLAY.get(info.name)
  assert(overlay !== undefined, `the overlay has a row for ${info.name}`)
  return buildRow(info, overlay, info.subcommands.map(builtRow))
}

function addInfo(info: CommandInfo): void {
  infos.push(info)
  for (const each of [info, ...info.subcommands]) infosByName.set(each.name, each)
}

/** What COMMAND says of the container is the server's to say. */
function addSubcommand(row: CommandRow): void {
  rows.set(row.name, row)
  subcommands.add(row)
}

function addRow(row: CommandRow): void {
  rows.set(row.name, row)
  commands.add(row)
  for (const sub of row.subcommands?.values() ?? []) {
    rows.set(sub.name, sub)
    subcommands.add(sub)
  }
}
