import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { errorsPage } from '../../scripts/errors-page.js'
import { OWN_ERRORS } from '../../scripts/own-errors.js'

/* docs/errors.md has what the sources say, and all of it. */

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'))
const sources = files
  .filter((path) => !path.includes('generated'))
  .map((path) => readFileSync(`src/${path}`, 'utf8').replace(/^ *(?:\/?\*|\/\/).*$/gm, ''))
const all = sources.join('\n')
const rows = Object.values(OWN_ERRORS).flat()

/** The parts of a text between what varies; a short one is found anywhere. */
const partsOf = (text: string) => text.split(/…+/).filter((part) => part.length > 8)

const LITERAL = /'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g
/** How errors begin, also those that are written to a client as they are. */
const BEGINS = /^-?(?:ERR|CLUSTERDOWN|TRYAGAIN|OOM|EXECABORT|UNBLOCKED|CROSSSLOT|NOPERM) (?=\S)/

/** What the texts of Redis 7.0 are found in. */
const [server] = (process.env.PATH ?? '').split(':').flatMap((dir) => {
  const path = join(dir, 'redis-server')
  return existsSync(path) ? [readFileSync(path, 'latin1')] : []
})
/** How errors begin that newer servers have, or Redis with the name of a command put in, and one that nobody sees. */
const OTHERS = [
  'ERR DEBUG command not allowed. ',
  'ERR maxage is not an integer or out of range',
  'ERR maxage should be greater than 0',
  'ERR timeout is out of range',
  'ERR type should be one of the following: slow, large-request, large-reply',
  '-ERR the answer was lost\\r\\n',
]
/** What varies in a text: what is put in, what stands in quotation marks, and numbers. */
const VARIES = /\$\{(?:[^{}]|\{[^}]*\})*\}|\\?'[^']*'|\\?"[^"]*"|-?\d+/

/** Whether Redis has all of the text but what varies in it. */
function isOfRedis(text: string): boolean {
  const fixed = text
    .replace(BEGINS, '')
    .replace(/\\r\\n$/, '')
    .split(VARIES)
  return fixed.every((part) => server.includes(part.trim()))
}

t.test('the page is as the table', async (t) => {
  t.equal(readFileSync('docs/errors.md', 'utf8'), errorsPage(), 'npm run docs')
})

t.test('each error of the table is one of the sources', async (t) => {
  for (const [text] of rows) {
    t.not(partsOf(text).join('').length, 0, `${text} says something`)
    for (const part of partsOf(text)) t.ok(all.includes(part.trim()), `${text}: "${part}"`)
  }
})

t.test('each error of our own in the sources is in the table', async (t) => {
  for (const source of sources) {
    for (const [, single, double, template] of source.matchAll(LITERAL)) {
      const text = single ?? double ?? template ?? ''
      if (!BEGINS.test(text) || isOfRedis(text) || OTHERS.some((other) => text.startsWith(other))) continue
      const told = rows.some(([row]) =>
        partsOf(row).every((part) => text.includes(part.replace(/; nothing was \w+$/, '').trim())),
      )
      t.ok(told, text.slice(0, 200))
    }
  }
})
