import { assert } from '../../base/assert.js'
import { answerCommand } from '../../command/introspection.js'
import type { CommandRow } from '../../command/row.js'
import { rowNamed } from '../../command/table.js'
import { described } from '../../coordinator/described.js'
import type { Reply } from '../../resp/encode.js'
import type { Server } from '../server.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'config' | 'coordinator' | 'log'>

const NAMES = ['', '|count', '|docs', '|getkeys', '|getkeysandflags', '|help', '|info', '|list']

/** COMMAND …, from the command table, or from what the servers say when all of them are newer. */
export const commandCommands: Record<string, LocalCommand<Needs>> = Object.fromEntries(
  NAMES.map((name): [string, LocalCommand<Needs>] => {
    const row = rowNamed(`command${name}`)
    assert(row !== undefined, `the table has command${name}`)
    return [row.name, (_client, args, server) => answer(row, args, server)]
  }),
)

function answer(row: CommandRow, args: readonly Buffer[], server: Needs): Reply | Promise<Reply> {
  const { offered } = server.coordinator
  const fromTable = () => answerCommand(row, args, offered)
  const describer = offered.describer(server.config.commands.version)
  if (describer === undefined || row.name === 'command|help') return fromTable()
  return described(describer, row.name === 'command|docs').then(
    (description) => answerCommand(row, args, offered, description),
    (failure: Error) => {
      const about = { member: describer.name, err: failure }
      server.log.info({ event: 'command-from-table', ...about }, 'COMMAND is answered from the table of Redis 7.0')
      return fromTable()
    },
  )
}
