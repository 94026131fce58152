import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { eventsPage } from '../scripts/events-page.js'
import { EVENTS, LEVELS, OF_THE_RING } from '../src/base/events.js'
import { createLogger } from '../src/base/log.js'

/* Everything that is logged has a name of the table, at its level and with its fields. */

interface Logged {
  readonly where: string
  readonly level: string
  readonly event: string
  readonly fields: readonly string[]
}

const LEVEL = /^(trace|debug|info|warn|error|fatal)$/
const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
const logged = files.flatMap((name) => loggedIn(join('src', name)))

function loggedIn(path: string): Logged[] {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  const found: Logged[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const { expression, name } = node.expression
      const where = `${path}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
      const [first, second, , about] = node.arguments
      if (LEVEL.test(name.text) && /(^|\.)(log|logger)$/.test(expression.getText())) {
        found.push({ where, level: name.text, event: eventIn(first), fields: fieldsIn(first) })
      } else if (name.text === 'log' && expression.getText() === 'draft') {
        found.push({ where, level: textOf(first), event: textOf(second), fields: fieldsIn(about) })
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

function propertiesOf(node: ts.Node | undefined): readonly ts.ObjectLiteralElementLike[] {
  return node !== undefined && ts.isObjectLiteralExpression(node) ? node.properties : []
}

/** Empty when it is not said there. */
function eventIn(node: ts.Node): string {
  const named = propertiesOf(node).find(({ name }) => name?.getText() === 'event')
  return named !== undefined && ts.isPropertyAssignment(named) ? textOf(named.initializer) : ''
}

function textOf(node: ts.Node): string {
  return ts.isStringLiteral(node) ? node.text : ''
}

function fieldsIn(node: ts.Node | undefined): string[] {
  return propertiesOf(node).flatMap(({ name }) =>
    name === undefined || name.getText() === 'event' ? [] : [name.getText()],
  )
}

t.test('every line of the log has a name, at one level and with fields that are known', async (t) => {
  t.ok(logged.length > 100)
  const table = EVENTS as Readonly<Record<string, readonly [level: string, fields: readonly string[], about: string]>>
  for (const { where, level, event, fields } of logged) {
    const row = table[event]
    if (!t.ok(row !== undefined, `${where}: the event '${event}'`)) continue
    t.equal(row[0], level, where)
    for (const field of fields) t.ok(row[1].includes(field), `${where}: ${field} of ${event}`)
  }
})

t.test('the table has no name that nobody logs, and each is explained', async (t) => {
  const names = new Set(logged.map(({ event }) => event))
  for (const [name, [, , about]] of Object.entries(EVENTS)) {
    t.ok(names.has(name), name)
    t.match(name, /^[a-z]+(-[a-z]+)*$/)
    t.match(about, /\.$/, name)
  }
  for (const name of OF_THE_RING) t.ok(names.has(String(name)), String(name))
})

t.test('the page says which number a level has in JSON', async (t) => {
  const { levels } = createLogger({ level: 'silent', format: 'json' })
  for (const level of Object.keys(LEVELS)) t.match(eventsPage(), `\n| ${level} | ${levels.values[level]} | `)
})
