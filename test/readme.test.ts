import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { commandsPage } from '../scripts/commands-page.js'
import { eventsPage } from '../scripts/events-page.js'
import { metricsPage } from '../scripts/metrics-page.js'
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

/** What a link to a heading ends with. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replace(/ /g, '-')

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

const pagesOf = (folder: string) =>
  readdirSync(join(repository, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`)

t.test('every link leads somewhere', async (t) => {
  let links = 0
  for (const page of ['README.md', ...pagesOf('docs')]) {
    const text = readFileSync(join(repository, page), 'utf8')
    const targets = matches(text, /\]\(([^)]+)\)/g)
    links += targets.length
    for (const target of new Set(targets)) {
      if (/^https?:/.test(target)) continue
      const [path, heading] = target.split('#')
      const file = path === '' ? join(repository, page) : join(repository, dirname(page), path)
      if (!existsSync(file)) t.fail(`${page}: ${target}`)
      else if (heading !== undefined) {
        const headings = matches(readFileSync(file, 'utf8'), /^#+ (.+)$/gm).map(anchor)
        t.ok(headings.includes(heading), `${page}: ${target}`)
      }
    }
  }
  t.ok(links > 200, `${links} links`)
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
  const main = join(repository, 'dist/bin/dt.js')
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

t.test('the page of commands is what the table says: npm run docs writes it', async (t) => {
  t.ok(readFileSync(join(repository, 'docs/commands.md'), 'utf8') === commandsPage(), 'say: npm run docs')
})

t.test('the page of metrics is what their table says', async (t) => {
  t.ok(readFileSync(join(repository, 'docs/metrics.md'), 'utf8') === metricsPage(), 'say: npm run docs')
})

t.test('the page of events is what their table says', async (t) => {
  t.ok(readFileSync(join(repository, 'docs/events.md'), 'utf8') === eventsPage(), 'say: npm run docs')
})

t.test('the commands that the README calls unsupported or refused are', async (t) => {
  const covers = (entry: string, name: string) => name === entry || name.startsWith(`${entry} `)
  const namesOf = (kind: string) =>
    allRows()
      .filter(({ route, subcommands }) => route === kind && subcommands === undefined)
      .map(({ name }) => name.toUpperCase().replace('|', ' '))
  const listed = (from: string, to: string) => matches(part(from, to), /`([A-Z]+(?:[-_ ][A-Z]+)?)`/g)
  for (const entry of listed('**Refused**', '- [Newer'))
    t.ok(
      namesOf('refused').some((name) => covers(entry, name)),
      `${entry} is refused`,
    )
  const unsupported = namesOf('unsupported')
  const called = unsupported.length === 0 ? [] : listed('**Not supported yet:**', '**Refused**')
  for (const entry of called)
    t.ok(
      unsupported.some((name) => covers(entry, name)),
      `${entry} is not supported`,
    )
  for (const name of unsupported)
    t.ok(
      called.some((entry) => covers(entry, name)),
      `${name} is listed`,
    )
})

t.test('the example has the numbers of a ring of four', async (t) => {
  const tour = readFileSync(join(repository, 'docs/tour.md'), 'utf8')
  const ring = Ring.of(['dt-1', 'dt-2', 'dt-3', 'dt-4'], 64)
  const key = Buffer.from('hello')
  const identifier = identifierOfKey(key, 0, key.length)
  const range = ring.rangeOf(identifier)
  t.match(tour, `fingerprint ${identifier},`)
  t.match(tour, `token ${ring.range(range).to},`)
  t.match(tour.replace(/\s+/g, ' '), `the route ${ring.successors(range, 3).join(', ')}.`)
})
