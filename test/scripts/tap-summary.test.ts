import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { Project, repository } from './project.js'

interface TapSummary {
  line(line: string): void
  end(exitCode: number | null): number
}

const { TapSummary } = (await import(pathToFileURL(join(repository, 'scripts/tap-summary.mjs')).href)) as {
  TapSummary: new (files: string[], write: (text: string) => void) => TapSummary
}

/** What is written of tap's output, and the exit code. */
function summarize(files: string[], output: string, exitCode: number | null = 0) {
  const written: string[] = []
  const summary = new TapSummary(files, (text) => written.push(text.replace(/\n$/, '')))
  for (const line of output.split('\n')) summary.line(line)
  const code = summary.end(exitCode)
  return { code, written, last: written.at(-1) }
}

const passing = (file: string, n = 1) => `# Subtest: ${file}
    # Subtest: story
        ok 1 - silent
        1..1
    ok 1 - story # time=1ms
    
    1..1
ok ${n} - ${file} # time=10ms
`

t.test('a file that passes is one line', async (t) => {
  const output = `TAP version 14\n${passing('a')}\n1..1\n# { total: 1, pass: 1 }\n# time=20ms`
  t.same(summarize(['a'], output), {
    code: 0,
    written: ['ok 1 - a # time=10ms', '1 passed, 0 failed'],
    last: '1 passed, 0 failed',
  })
})

t.test('of a file that fails, everything is shown but what passed', async (t) => {
  const failing = `# Subtest: b
    ok 1 - silent
    not ok 2 - loud
      ---
      diff: |
        -ok 1 - what was wanted
        ok 1 - what was found
        1..1
      ...
    
    ok 3 - silent
    1..3
not ok 2 - b # time=9ms
  ---
  exitCode: 1
  ...
`
  const { code, written } = summarize(['a', 'b'], `${passing('a')}\n${failing}\n# { total: 4, pass: 3, fail: 1 }`, 1)
  t.equal(code, 1)
  t.same(written, [
    'ok 1 - a # time=10ms',
    '# Subtest: b',
    '    not ok 2 - loud',
    '      ---',
    '      diff: |',
    '        -ok 1 - what was wanted',
    '        ok 1 - what was found',
    '        1..1',
    '      ...',
    'not ok 2 - b # time=9ms',
    '  ---',
    '  exitCode: 1',
    '  ...',
    '3 passed, 1 failed',
  ])
})

t.test('tests that are set aside are told apart', async (t) => {
  const { code, written } = summarize(['a'], `${passing('a')}# { total: 6, pass: 3, todo: 1, skip: 2 }`)
  t.same([code, ...written.slice(-2)], [0, '# 2 skip, 1 todo', '3 passed, 0 failed'])
})

t.test('what was not tried is named in the end, with the reason', async (t) => {
  const file = [
    '# Subtest: a',
    '    ok 1 - alerts fire # SKIP there is no promtool',
    '    ok 2 - fields # SKIP',
    '    1..2',
  ]
  const { written } = summarize(['a'], [...file, 'ok 1 - a # time=9ms', '# { total: 2, skip: 2 }'].join('\n'))
  t.same(written.slice(-3), ['# not tried: alerts fire: there is no promtool', '# 2 skip', '0 passed, 0 failed'])
})

t.test('what tap does not count is a failure nevertheless', async (t) => {
  const tally = '# { total: 1, pass: 1 }'
  const wrong: [string, ReturnType<typeof summarize>][] = [
    ['a file that gave no result', summarize(['a', 'b'], `${passing('a')}${tally}`)],
    ['a file without tests', summarize(['a', 'b'], `${passing('a')}ok 2 - b # SKIP no tests found\n${tally}`)],
    ['an exit code alone', summarize(['a'], `${passing('a')}${tally}`, 7)],
    ['a signal', summarize(['a'], `${passing('a')}${tally}`, null)],
    ['no tally', summarize(['a'], passing('a'))],
    ['nothing at all', summarize(['a'], '')],
  ]
  for (const [what, { code, last }] of wrong) {
    t.equal(code, 1, what)
    t.match(last, /^\d passed, 1 failed$/, what)
  }
})

t.test('a failed test counts as its failed assertions, or as one when it has none', async (t) => {
  const output = `# Subtest: a
    # Subtest: story
        not ok 1 - one
        not ok 2 - two
        ok 3 - silent
        not ok 4 - later # TODO
        1..4
    not ok 1 - story
    # Subtest: nothing in it
        1..0
    not ok 2 - nothing in it
    not ok 3 - three
    1..3
not ok 1 - a
# Subtest: b
    ok 1 - silent
    # test count(1) != plan(null)
not ok 2 - b # time=5ms
  ---
  signal: SIGKILL
  ...
# { total: 8, pass: 2, fail: 4, todo: 1 }`
  const { last, written } = summarize(['a', 'b'], output, 1)
  t.equal(last, '2 passed, 5 failed')
  t.ok(written.includes('  signal: SIGKILL'))
  t.ok(written.includes('    # test count(1) != plan(null)'))
})

t.test('what tap says outside of the files is shown', async (t) => {
  const { written } = summarize(['a'], `${passing('a')}Bail out! no more\n# { total: 1, pass: 1, fail: 1 }`, 1)
  t.ok(written.includes('Bail out! no more'))
  t.equal(written.at(-1), '1 passed, 1 failed')
})

/** Runs scripts/test.mjs, and so the real tap, on compiled tests with these contents. */
function runTests(t: Test, tests: Record<string, string>, ...argv: string[]) {
  const project = new Project(t.testdir())
  for (const name of ['scripts/test.mjs', 'scripts/run-files.mjs', 'scripts/tap-summary.mjs', 'scripts/leftovers.mjs'])
    project.copy(name)
  project.file('package.json', '{ "type": "module" }')
  symlinkSync(join(repository, 'node_modules'), join(project.dir, 'node_modules'))
  mkdirSync(join(project.dir, 'dist/test'), { recursive: true })
  for (const [name, content] of Object.entries(tests)) project.file(`dist/test/${name}.test.js`, content)
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(_?TAP|NODE_OPTIONS)/.test(name)))
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/test.mjs', ...argv], {
    cwd: project.dir,
    env,
    encoding: 'utf8',
  })
  return { status, out: stdout, err: stderr, last: stdout.trimEnd().split('\n').at(-1) }
}

const using = (body: string) => `import t from 'tap'\n${body}\n`
const passes = using("t.test('story', async (t) => { t.ok(1, 'silent'); t.equal(2, 2) })")

t.test('the real tap: every way of breaking counts as failed', async (t) => {
  const broken = {
    assertion: using("t.test('story', async (t) => { t.ok(1, 'silent'); t.equal('is', 'wanted', 'loud') })"),
    syntax: 'not javascript',
    'early-exit': using("t.ok(1)\nt.test('never', () => new Promise(() => {}))\nsetTimeout(() => process.exit(3), 50)"),
    'exit-before-tests': 'process.exit(0)',
    'late-error': using("t.ok(1)\nsetTimeout(() => { throw new Error('late') }, 50)"),
    'leaves-server': using(
      `import { spawn } from 'node:child_process'
      import { tmpdir } from 'node:os'
      spawn('sleep', ['300'], { cwd: tmpdir(), detached: true, stdio: 'ignore' }).unref()
      t.fail('and then')`,
    ),
    killed: using("t.ok(1)\nsetTimeout(() => process.kill(process.pid, 'SIGKILL'), 50)"),
  }
  const { status, out, err, last } = runTests(t, { ...broken, good: passes })
  t.equal(status, 1)
  t.match(last, /^\d+ passed, ([6-9]|\d\d) failed$/)
  for (const name of Object.keys(broken)) {
    t.match(
      out,
      new RegExp(`^(not ok .*- dist/test/${name}.test.js|ok .*- dist/test/${name}.test.js # SKIP no tests)`, 'm'),
    )
  }
  t.match(out, /^not ok - dist\/test\/exit-before-tests.test.js # gave no result$/m)
  t.match(out, /^ok \d - dist\/test\/good.test.js/m)
  t.match(out, /^ {8}not ok 2 - loud$/m)
  t.match(out, /^ +\+is$/m)
  if (process.platform === 'linux') t.match(out, /^# 1 processes that tests had left behind were killed$/m)
  t.match(err, 'SyntaxError', 'what a test says on standard error is seen')
  t.notMatch(out, /ok \d+ - silent/)
})

t.test('the real tap: files and directories are named as their sources', async (t) => {
  const tests = { a: passes, 'deep/b': passes, 'deep/c': passes, left: 'not javascript' }
  const { status, last } = runTests(t, tests, 'test/a.test.ts', './test/deep')
  t.same([status, last], [0, '6 passed, 0 failed'])
  const missing = runTests(t, tests, 'test/z.test.ts')
  t.same([missing.status, missing.err], [2, 'There is no test test/z.test.ts.\n'])
})
