/*
 * Runs the compiled tests with tap: all of them, or those named, as `npm test -- test/resp/x.test.ts test/ring`.
 * Those that take long have names that end with `.long.test.ts`: they are run when they are named, and with `--long` (`npm run
 * test:long`), which runs no others.
 * One line for each file that passes; of one that fails, everything that tap says about it but its passed assertions. The last
 * line is `N passed, N failed`, of assertions as tap counts them.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, normalize } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { killThoseIn } from './leftovers.mjs'
import { TapSummary } from './tap-summary.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const args = process.argv.slice(2)
const isLong = args.includes('--long')
const named = args.filter((arg) => arg !== '--long')

let files
try {
  files = (named.length > 0 ? named : ['test']).flatMap(compiledTests)
} catch (error) {
  console.error(error.message)
  process.exit(2)
}

const summary = new TapSummary(files, (text) => process.stdout.write(text))
// The tests' temporary files and servers are all below one directory, so that none outlives us.
const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'dt-tests-')))
const tap = spawn(process.execPath, ['scripts/run-files.mjs', ...files], {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { ...process.env, TMPDIR: temporary },
})
// Ctrl-C reaches tap by itself; we wait for what it still has to say.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => tap.kill('SIGTERM'))
const exited = new Promise((resolve) => tap.once('close', (code) => resolve(code)))
for await (const line of createInterface({ input: tap.stdout, crlfDelay: Number.POSITIVE_INFINITY })) summary.line(line)
const exitCode = await exited
const left = killThoseIn(temporary)
if (left > 0) console.log(`# ${left} processes that tests had left behind were killed`)
rmSync(temporary, { recursive: true, force: true, maxRetries: 3 })
process.exit(summary.end(exitCode))

/** `test/resp/x.test.ts`, `dist/test/resp/x.test.js` or a directory of tests, as the compiled files it stands for. */
function compiledTests(path) {
  const inDist = normalize(path).startsWith('dist/') ? normalize(path) : join('dist', path)
  const compiled = inDist.replace(/\.ts$/, '.js')
  if (!existsSync(compiled)) throw new Error(`There is no test ${path}.`)
  if (!statSync(compiled).isDirectory()) return [compiled]
  const entries = readdirSync(compiled, { recursive: true }).filter(
    (name) => name.endsWith('.test.js') && name.endsWith('.long.test.js') === isLong,
  )
  return entries.map((name) => join(compiled, name)).sort()
}
