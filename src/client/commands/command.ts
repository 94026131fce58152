import { assert } from '../../base/assert.js'
import { answerCommand } from '../../command/introspection.js'
import { rowNamed } from '../../command/table.js'
import type { LocalCommand } from './local-command.js'

const NAMES = ['', '|count', '|docs', '|getkeys', '|getkeysandflags', '|help', '|info', '|list']

/** COMMAND …, from the command table. */
export const commandCommands: Record<string, LocalCommand> = Object.fromEntries(
  NAMES.map((name): [string, LocalCommand] => {
    const row = rowNamed(`command${name}`)
    assert(row !== undefined, `the table has command${name}`)
    return [row.name, (_client, args, { coordinator }) => answerCommand(row, args, coordinator.offered)]
  }),
)
