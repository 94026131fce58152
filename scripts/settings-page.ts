import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { FILE_VARIABLE } from '../src/config/config.js'
import { environmentName, settingNames } from '../src/config/settings.js'

const EXAMPLE = fileURLToPath(new URL('../../conf/dt.yaml', import.meta.url))

const HEADER = `# Settings

Made from [conf/dt.yaml](../conf/dt.yaml) by \`npm run docs\`: change that file, not this page.

A setting stands in the file that \`--config\` or \`${FILE_VARIABLE}\` names, in its section, or in a variable, which goes before the file. Times are
milliseconds unless the name says otherwise. Sizes are bytes, or \`64kb\`, \`10mb\`, \`1gb\`. \`dt config check\` finds what is wrong, \`dt config show\` lists what
holds. A value in brackets is an example: the setting has none by default.
`

interface Explained {
  readonly value: string
  readonly text: string
  readonly isExample: boolean
}

/** docs/settings.md: every setting, its variable, its default and what conf/dt.yaml says of it. */
export function settingsPage(): string {
  const explained = explanations(readFileSync(EXAMPLE, 'utf8'))
  const sections = new Map<string, string[]>()
  for (const [section, name] of settingNames()) {
    const of = explained.get(`${section}.${name}`)
    const value = of === undefined ? '' : of.isExample ? `(${code(of.value)})` : code(of.value)
    const row = `| \`${name}\` | \`${environmentName(section, name)}\` | ${value} | ${cell(of?.text ?? '')} |`
    sections.set(section, [...(sections.get(section) ?? []), row])
  }
  const parts = [...sections].map(([section, rows]) => {
    const text = explained.get(section)?.text
    const head = `## ${section}\n\n${text === undefined || text === '' ? '' : `${text}\n\n`}`
    return `${head}| setting | variable | default | |\n|---|---|---|---|\n${rows.join('\n')}\n`
  })
  return `${HEADER}\n${parts.join('\n')}`
}

/** Within a code span a sign stands for itself. */
const cell = (text: string) =>
  text.replaceAll('|', '\\|').replace(/`[^`]*`|[<>]/g, (part) => (part === '<' ? '&lt;' : part === '>' ? '&gt;' : part))
const code = (text: string) => `\`${text.replaceAll('|', '\\|')}\``

/** What stands beside, above or below each `name: value`, and above each section. */
function explanations(yaml: string): Map<string, Explained> {
  const found = new Map<string, Explained>()
  const known = new Set(settingNames().map(([section, name]) => `${section}.${name}`))
  let section = ''
  let above: string[] = []
  let last: string | undefined
  for (const line of yaml.split('\n')) {
    const head = /^([a-z]\w*):\s*$/.exec(line)
    const written = /^ {2}(# )?([a-z]\w*): +(.*?)(?: +# (.*))?$/.exec(line)
    // A comment may have such words as well.
    const setting = written?.[1] === undefined || known.has(`${section}.${written[2]}`) ? written : null
    // Of a list the items stand below it, as an example.
    const list = /^# default: (\S+)/.exec(setting?.[3] ?? '')
    const beside = /^ {20,}# (.*)$/.exec(line)
    const comment = /^ *# ?(.*)$/.exec(line)
    if (head !== null) {
      section = head[1]
      found.set(section, { value: '', text: above.join(' '), isExample: false })
      above = []
      last = undefined
    } else if (setting !== null) {
      last = `${section}.${setting[2]}`
      const text = [...above, setting[4] ?? ''].filter((part) => part !== '').join(' ')
      found.set(last, { value: list?.[1] ?? setting[3], text, isExample: setting[1] !== undefined })
      above = []
    } else if (beside !== null && last !== undefined) {
      const before = found.get(last)
      if (before !== undefined) found.set(last, { ...before, text: `${before.text} ${beside[1]}` })
    } else if (comment !== null) above.push(comment[1])
    else above = []
  }
  return found
}
