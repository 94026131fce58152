import { APPLIED, OWN_ERRORS } from './own-errors.js'

const HEADER = `# Errors

Made from a table by \`npm run docs\`: change the table, not this page.

Nearly all errors are Redis's own, to the byte. These are DT's. Each says whether the command was applied:

| | |
|---|---|
${Object.entries(APPLIED)
  .map(([name, about]) => `| **${name}** | ${about} |`)
  .join('\n')}

A program that sends again what was answered with \`CLUSTERDOWN\` or \`TRYAGAIN\`, and reads before it sends again what has the words *is unknown*, does the right thing with all of them.
\`…\` stands for what varies.
`

/** docs/errors.md: the errors that Redis does not have. */
export function errorsPage(): string {
  const sections = Object.entries(OWN_ERRORS).map(([title, rows]) => {
    const lines = rows.map(
      ([text, applied, happened, todo]) => `| \`${text}\` | ${applied} | ${happened} | ${todo} |\n`,
    )
    return `## ${title}\n\n| error | applied | what has happened | what to do |\n|---|---|---|---|\n${lines.join('')}`
  })
  return [HEADER, ...sections].join('\n')
}
