import { pino } from 'pino'
import { EVENTS, LEVELS } from '../src/base/events.js'

const HEADER = `# Events

Made from the table of events by \`npm run docs\`: change the table, not this page.

The log is a line for each event on standard output: for people on a terminal, as JSON elsewhere (\`log.format\`). Every line has the name of its event in the field
\`event\`. Names and fields stay as they are; the words in \`msg\` are for people and may change. Passwords, tokens and values are never logged; of keys and
commands only where a copy differs, and then their beginning.

**One story for each failure.** From the first sign that something is wrong with a member until it is whole again (\`member-whole\`) all lines about it have the same
\`incident\`; so have those about the ring, as long as there is one incident alone: \`jq 'select(.incident == "5f0c9a12")'\` shows the story. Being removed ends it as well.
`

/** docs/events.md: the names of all events, with their fields. */
export function eventsPage(): string {
  const levels = Object.entries(LEVELS).map(
    ([level, about]) => `| ${level} | ${pino.levels.values[level]} | ${about} |`,
  )
  const rows = Object.entries(EVENTS).map(([name, [level, fields, about]]) => {
    return `| \`${name}\` | ${level} | ${fields.map((field) => `\`${field}\``).join(', ')} | ${about} |`
  })
  const table = (head: string, lines: readonly string[]) => `${head}\n${lines.join('\n')}\n`
  return [
    HEADER,
    '## Levels\n',
    "In JSON `level` is a number: `jq 'select(.level >= 50)'` shows what is at least an error.\n",
    table('| level | `level` | |\n|---|---|---|', levels),
    '## All events\n',
    table('| event | level | fields | |\n|---|---|---|---|', rows),
  ].join('\n')
}
