import type { RawClient } from '../helpers/raw-client.js'
import { type Node, readReply } from '../helpers/raw-reply.js'

/** What COMMAND DOCS says of one argument of a command; what is in it stands in `arguments`. */
export interface Argument {
  readonly name: string
  readonly type: string
  readonly token?: string
  readonly flags?: readonly string[]
  readonly arguments?: readonly Argument[]
}

/** A command or subcommand, as `set` or `xgroup|create`. */
export interface CommandDocs {
  readonly name: string
  readonly group: string
  readonly arguments: readonly Argument[]
}

interface Entry {
  readonly group: string
  readonly arguments?: readonly Argument[]
  readonly subcommands?: Readonly<Record<string, Entry>>
}

/** All commands and subcommands that a Redis describes; one that has subcommands is not among them. `client` speaks RESP3. */
export async function commandDocs(client: RawClient): Promise<readonly CommandDocs[]> {
  const docs = plain(readReply(await client.ask('COMMAND', 'DOCS'))) as Record<string, Entry>
  return entriesIn(docs).sort((a, b) => (a.name < b.name ? -1 : 1))
}

function entriesIn(docs: Readonly<Record<string, Entry>>): CommandDocs[] {
  return Object.entries(docs).flatMap(([name, entry]) =>
    entry.subcommands === undefined
      ? [{ name, group: entry.group, arguments: entry.arguments ?? [] }]
      : entriesIn(entry.subcommands),
  )
}

function plain(node: Node): unknown {
  if (!('items' in node)) return node.text
  if (node.type !== '%') return node.items.map(plain)
  const pairs = Array.from({ length: node.items.length / 2 }, (_, i) => node.items.slice(2 * i, 2 * i + 2))
  return Object.fromEntries(pairs.map(([name, value]) => [plain(name), plain(value)]))
}
