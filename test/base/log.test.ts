import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/* Whatever is in names and texts of others, a line of the log stays one, and says nothing to a terminal. */

const LOG = fileURLToPath(new URL('../../src/base/log.js', import.meta.url))
const NASTY = 'a\\nb\\rc\\x1b[2Jd\\x07e\\x7ff\\x9b2Jg\\u2028h\\0i\\\\u001bj\\\\'

function logged(format: 'json' | 'pretty'): string {
  const program = `
    import { createLogger } from ${JSON.stringify(LOG)}
    const log = createLogger({ level: 'info', format: '${format}' })
    log.warn({ event: 'x', user: '${NASTY}' }, 'it says ${NASTY}')
    log.error({ event: 'y', err: new Error('${NASTY}') }, 'another one')
    log.info({ event: 'z' }, 'é and ünïcode 漢 stay')
  `
  return spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).stdout
}

t.test('as JSON', async (t) => {
  const lines = logged('json').trimEnd().split('\n')
  t.equal(lines.length, 3)
  for (const line of lines) t.notMatch(line, /[\x00-\x1f\x7f-\x9f\u2028\u2029]/)
  const [first, , last] = lines.map((line) => JSON.parse(line))
  t.equal(first.user, 'a\nb\rc\x1b[2Jd\x07e\x7ff\x9b2Jg\u2028h\0i\\u001bj\\', 'nothing of it is lost')
  t.equal(last.msg, 'é and ünïcode 漢 stay')
})

t.test('for people', async (t) => {
  const text = logged('pretty')
  t.notMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]/)
  const [first, second] = text.split('\n')
  t.match(first, 'WARN: it says a\\nb\\rc\\u001b[2Jd\\u0007e\\u007ff\\u009b2Jg\\u2028h\\u0000i\\u001bj\\ {')
  t.match(first, '"event":"x"')
  t.match(second, 'ERROR: another one')
  t.match(text, 'é and ünïcode 漢 stay')
})
