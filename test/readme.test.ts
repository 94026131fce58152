import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { allRows } from '../src/command/table.js'
import { FILE_VARIABLE } from '../src/config/config.js'
import { environmentName, settingNames } from '../src/config/settings.js'
import { identifierOfKey } from '../src/ring/identifier.js'
import { Ring } from '../src/ring/ring.js'

/*
 * What the README says that the code can be asked about: paths, options, settings, commands that are not supported, and
 * the numbers of its example. And that what comments cite can be found.
 */

const repository = fileURLToPath(new URL('../../', import.meta.url))
const readme = readFileSync(join(repository, 'README.md'), 'utf8')

/** The text from `from` up to the next `to`. */
function part(from: string, to: string): string {
  const start = readme.indexOf(from)
  const end = readme.indexOf(to, start + from.length)
  if (start < 0 || end < 0) throw new Error(`the README has no part from ${from} to ${to}`)
  return readme.slice(start, end)
}

const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1])

function filesIn(folder: string): string[] {
  return readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ts$/.test(name))
    .map((name) => join(repository, folder, name))
}

t.test('every link leads somewhere', async (t) => {
  const headings = matches(readme, /^#+ (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replace(/ /g, '-'),
  )
  const targets = matches(readme, /\]\(([^)]+)\)/g)
  t.ok(targets.length > 30)
  for (const target of targets) {
    if (target.startsWith('#')) t.ok(headings.includes(target.slice(1)), target)
    else t.ok(existsSync(join(repository, target)), target)
  }
})

/** The text of a page below the heading that begins with `heading`. */
function section(page: string, heading: RegExp): string | undefined {
  const parts = page.split(/^## /m).slice(1)
  return parts.find((text) => heading.test(text))
}

t.test('what comments cite is there', async (t) => {
  const pages = new Map(
    ['design', 'redis-facts'].map((name) => [name, readFileSync(join(repository, 'docs', `${name}.md`), 'utf8')]),
  )
  const cited = new Set<string>()
  for (const file of filesIn('src')) {
    const text = readFileSync(file, 'utf8').replace(/\n\s*\*\s/g, ' ')
    for (const citation of matches(text, /\[((?:design|redis-facts)[ ,][^\]]+)\]/g)) cited.add(citation)
  }
  t.ok(cited.size > 30)
  for (const citation of cited) {
    if (citation.startsWith('redis-facts')) {
      const title = citation.replace(/^redis-facts,? /, '')
      const found =
        title === 'first table' || section(pages.get('redis-facts') ?? '', new RegExp(`^${title}`)) !== undefined
      t.ok(found, citation)
      continue
    }
    for (const [, number] of citation.matchAll(/§(\d+)/g)) {
      t.ok(section(pages.get('design') ?? '', new RegExp(`^${number}\\. `)) !== undefined, citation)
    }
  }
})

t.test('the options of dt up and dt serve are those that they take', async (t) => {
  const main = join(repository, 'dist/src/main.js')
  const usage = (command: string) => execFileSync(process.execPath, [main, 'help', command], { encoding: 'utf8' })
  const taken = (command: string) => matches(usage(command), /^ {2}(--[a-z-]+)/gm).sort()
  const listed = (text: string) => matches(text, /^\| `(--[a-z-]+)/gm)
  t.same(listed(part('### `dt up`', '### `dt serve`')).sort(), taken('up'))
  t.same([...listed(part('### `dt serve`', '### Containers')), '--config'].sort(), taken('serve'))
})

t.test('the settings and variables exist', async (t) => {
  const settings = new Map(
    settingNames().map(([section, name]) => [`${section}.${name}`, environmentName(section, name)]),
  )
  const rows = part('### `dt serve`', '### Containers')
    .split('\n')
    .filter((line) => /^\| `[a-z]/.test(line))
  t.ok(rows.length > 5)
  for (const row of rows) {
    const [, names, variables] = row.split('|').map((cell) => matches(cell, /`([^`]+)`/g))
    t.same(
      names.map((name) => settings.get(name)),
      variables,
      row,
    )
  }
  for (const variable of matches(readme, /\b(DT_[A-Z]+_[A-Z_]+)\b/g)) {
    t.ok([...settings.values(), FILE_VARIABLE].includes(variable), variable)
  }
})

t.test('the commands that are called unsupported or refused are, and all that are have a place in the list', async (t) => {
  const covers = (entry: string, name: string) => name === entry || name.startsWith(`${entry} `)
  for (const [kind, from, to] of [
    ['unsupported', '**Not supported yet.**', '**Refused**'],
    ['refused', '**Refused**', '**Saving.**'],
  ]) {
    const listed = matches(part(from, to), /`([A-Z]+(?:[-_ ][A-Z]+)?)`/g)
    const rows = allRows().filter(({ route, subcommands }) => route === kind && subcommands === undefined)
    const names = rows.map(({ name }) => name.toUpperCase().replace('|', ' '))
    t.same(
      listed.filter((entry) => !names.some((name) => covers(entry, name))),
      [],
      `listed, and not ${kind}`,
    )
    t.same(
      names.filter((name) => !listed.some((entry) => covers(entry, name))),
      [],
      `${kind}, and not listed`,
    )
  }
})

t.test('the example has the numbers of a ring of four', async (t) => {
  const ring = Ring.of(['dt-1', 'dt-2', 'dt-3', 'dt-4'], 64)
  const key = Buffer.from('hello')
  const identifier = identifierOfKey(key, 0, key.length)
  const range = ring.rangeOf(identifier)
  t.match(readme, `fingerprint ${identifier},`)
  t.match(readme, `token ${ring.range(range).to},`)
  t.match(readme.replace(/\s+/g, ' '), `the route ${ring.successors(range, 3).join(', ')}.`)
})
