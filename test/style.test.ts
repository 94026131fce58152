import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'

/** What is agreed about the code and can be checked: design §10, and the sole importers of §5 and §8. */

/** Folders by rank: a file imports from its own folder and from lower ranks. */
const RANKS: Record<string, number> = {
  base: 0,
  resp: 1,
  ring: 1,
  config: 1,
  local: 1,
  tls: 1,
  command: 2,
  view: 2,
  backend: 2,
  simulate: 2,
  acl: 3,
  order: 3,
  channels: 3,
  serving: 4,
  membership: 4,
  migration: 5,
  coordinator: 5,
  importing: 5,
  client: 6,
  cli: 6,
  peer: 7,
  admin: 7,
  '': 8,
}
/** Types only may be taken from elsewhere: they leave nothing behind in the program. */
const SOLE_IMPORTERS: Record<string, RegExp> = {
  'redis-parser': /^src\/resp\/request-parser\.ts$/,
  farmhash: /^src\/ring\/identifier\.ts$/,
}
/** Who may ask for the time of day, which may be set back and forth, and why: everything else is `performance.now()`. */
const TIME_OF_DAY: Record<string, string> = {
  'src/base/clock.ts': 'what time it is, in microseconds, for whoever is shown it',
  'src/base/pause-watch.ts':
    'while a machine sleeps no other clock goes on; one that is set forward looks like a pause and does no harm',
  'src/admin/watch.ts': 'an event is shown with the time of day',
  'src/cli/past.ts': 'an event, and what was slow, is shown with the time of day',
  'src/cli/top.ts': 'an event is shown with the time of day',
  'src/client/commands/info-own.ts': 'the field lru_clock of INFO is the time of day',
  'src/membership/starter.ts': 'terms of runs grow from one machine to the next; those that are known count as well',
}
/** A table of cases may be longer than a piece of the program. */
const LINES_MAX = { src: 400, elsewhere: 600 }

interface Source {
  readonly path: string
  readonly text: string
  /** What it imports, with the types. */
  readonly imports: readonly { readonly what: string }[]
}

function sourcesIn(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mjs)$/.test(name) && !/\.(generated|d)\.ts$/.test(name))
    .map((name) => {
      const path = join(folder, name)
      const text = readFileSync(path, 'utf8')
      const found = text.matchAll(/^(?:import|export)\s+(?:[^'"]*?\sfrom\s+)?'([^']+)'|import\('([^']+)'\)/gms)
      const imports = [...found].map((match) => ({ what: match[1] ?? match[2] }))
      return { path, text, imports }
    })
}

const sources = sourcesIn('src')
const everything = [...sources, ...sourcesIn('test'), ...sourcesIn('scripts'), ...sourcesIn('bench')]

/** The first circle that is met, beginning and ending with the same file; empty when there is none. */
function circleIn(importsOf: ReadonlyMap<string, readonly string[]>): string[] {
  const clear = new Set<string>()
  const walk = (path: string, way: readonly string[]): string[] => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path]
    if (clear.has(path)) return []
    for (const target of importsOf.get(path) ?? []) {
      const circle = walk(target, [...way, path])
      if (circle.length > 0) return circle
    }
    clear.add(path)
    return []
  }
  for (const path of importsOf.keys()) {
    const circle = walk(path, [])
    if (circle.length > 0) return circle
  }
  return []
}

function folderOf(path: string): string {
  const [, first, second] = path.split('/')
  return second === undefined ? '' : first
}

t.test('imports point one way', async (t) => {
  t.ok(sources.length > 50)
  const wrong: string[] = []
  for (const { path, imports } of sources) {
    const rank = RANKS[folderOf(path)]
    if (rank === undefined) wrong.push(`${path} is in a folder that the design does not have`)
    for (const { what } of imports) {
      if (!what.startsWith('.')) continue
      const target = normalize(join(dirname(path), what))
      const to = folderOf(target)
      if (to === folderOf(path)) continue
      if (!(RANKS[to] < rank)) wrong.push(`${path} imports ${target}`)
    }
  }
  t.same(wrong, [])
})

t.test('membership and migration do not know each other', async (t) => {
  const wrong = sources.filter(({ path, imports }) => {
    const other = /^src\/membership\//.test(path)
      ? '/migration/'
      : /^src\/migration\//.test(path)
        ? '/membership/'
        : undefined
    return other !== undefined && imports.some(({ what }) => what.includes(other))
  })
  t.same(
    wrong.map(({ path }) => path),
    [],
  )
})

t.test('no files import each other in a circle, not for types either', async (t) => {
  const paths = new Set(sources.map(({ path }) => path))
  const importsOf = new Map(
    sources.map(({ path, imports }) => {
      const relative = imports.filter(({ what }) => what.startsWith('.'))
      const targets = relative.map(({ what }) => normalize(join(dirname(path), what.replace(/\.js$/, '.ts'))))
      return [path, targets.filter((target) => paths.has(target))]
    }),
  )
  t.same(circleIn(importsOf), [])
  const circle = { a: ['b'], b: ['c', 'd'], c: [], d: ['a'] }
  t.same(circleIn(new Map(Object.entries(circle))), ['a', 'b', 'd', 'a'], 'one would be found')
})

t.test('membership and migration do not know how commands are served', async (t) => {
  const wrong = sources.filter(({ path, imports }) => {
    return (
      /^src\/(membership|migration)\//.test(path) && imports.some(({ what }) => /\/(serving|coordinator)\//.test(what))
    )
  })
  t.same(
    wrong.map(({ path }) => path),
    [],
  )
})

t.test('a command is handed the parts of the server that it needs', async (t) => {
  const whole = /(?<!import type \{ |Pick<\s*|')\bServer\b(?!\[|')/
  const commands = sources.filter(({ path }) => path.startsWith('src/client/commands/'))
  t.ok(commands.length > 30)
  t.same(
    commands.filter(({ text }) => whole.test(text)).map(({ path }) => path),
    // The table of them all, and who finds one there by its name.
    ['src/client/commands/index.ts', 'src/client/commands/to-scripts.ts'],
  )
  t.match('(client, server: Server) =>', whole, 'it would be found')
})

t.test('names of commands are in the table, and where they are answered', async (t) => {
  const asked = /\brow\.name [!=]== '/
  t.same(
    sources
      .filter(({ path, text }) => asked.test(text) && !/^src\/client\/commands\//.test(path))
      .map(({ path }) => path),
    [],
  )
})

t.test('some packages have one importer', async (t) => {
  for (const [name, allowed] of Object.entries(SOLE_IMPORTERS)) {
    const importers = sources.filter(({ imports }) => imports.some(({ what }) => what === name)).map(({ path }) => path)
    t.ok(importers.length > 0, `${name} is used`)
    t.same(
      importers.filter((path) => !allowed.test(path)),
      [],
      `nobody else imports ${name}`,
    )
  }
})

t.test('nothing but config reads the environment, nothing but main ends the process', async (t) => {
  const using = (what: RegExp) => sources.filter(({ text }) => what.test(text)).map(({ path }) => path)
  t.same(
    using(/process\.env/).filter((path) => !/^src\/(config\/|main\.ts)/.test(path)),
    [],
  )
  t.same(
    using(/process\.exit\b|process\.exitCode/).filter((path) => path !== 'src/main.ts'),
    [],
  )
  // It stops in order then; nothing goes on as if nothing had been.
  t.same(using(/uncaughtException|unhandledRejection/), ['src/main.ts'])
})

t.test(
  'what may be shorter is cut by `toString`: `latin1Slice` throws where its end lies behind the buffer',
  async (t) => {
    const counted = /\blatin1Slice\([^(),]*,\s*(?:\w+ \+ \d+|\d+|[A-Z_]+)\)/
    t.same(
      sources.filter(({ text }) => counted.test(text)).map(({ path }) => path),
      [],
    )
  },
)

t.test('durations are measured by the clock that nobody sets', async (t) => {
  const users = sources.filter(({ text }) => /\bDate\.now\b|\bnew Date\b/.test(text)).map(({ path }) => path)
  t.same(users.sort(), Object.keys(TIME_OF_DAY).sort())
})

t.test('files fit on a few screens, and nothing is left for later', async (t) => {
  const long = everything.filter(({ path, text }) => {
    return text.split('\n').length > (path.startsWith('src/') ? LINES_MAX.src : LINES_MAX.elsewhere) + 1
  })
  t.same(
    long.map(({ path, text }) => `${path}: ${text.split('\n').length} lines`),
    [],
  )
  const todo = /(\/\/|\*)\s*(TODO|FIXME|XXX)\b/
  t.same(
    everything.filter(({ text }) => todo.test(text)).map(({ path }) => path),
    [],
  )
})

t.test('names of commands are in the table: whoever serves a key, or keeps it equal, asks for columns', async (t) => {
  const asksForName = /\brow\.name\s*[!=]==|switch \(row\.name\)|\brow\.name\.(?:startsWith|endsWith)\(/
  const wrong = sources.filter(
    ({ path, text }) => /^src\/(order|serving|coordinator|channels)\//.test(path) && asksForName.test(text),
  )
  t.same(
    wrong.map(({ path }) => path),
    [],
  )
})
