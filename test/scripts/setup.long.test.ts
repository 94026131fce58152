import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Project } from './project.js'

const lock = (version: string) => JSON.stringify({ packages: { '': {}, 'node_modules/a': { version } } })
const redis = 'echo "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc bits=64"'
const compiler = `
const { appendFileSync, mkdirSync, writeFileSync, readdirSync, existsSync } = require('node:fs')
appendFileSync('calls', 'tsc\\n')
if (existsSync('broken')) { console.error('src/main.ts(1,1): error'); process.exit(2) }
for (const directory of ['src', 'test']) {
  mkdirSync('dist/' + directory, { recursive: true })
  for (const name of readdirSync(directory)) writeFileSync('dist/' + directory + '/' + name.replace('.ts', '.js'), '')
}`

/** A fresh clone: sources and scripts, no packages, no build. */
function freshClone(t: Test): Project {
  const project = new Project(t.testdir())
  for (const script of ['setup.mjs', 'build.mjs', 'bundle.mjs']) project.copy(`scripts/${script}`)
  project.file('scripts/install-packages.sh', 'echo "install-packages.sh" >> calls\n')
  project.file('package.json', '{ "type": "module" }')
  project.file('tsconfig.json', '{}')
  project.file('package-lock.json', lock('1.0.0'))
  project.file('src/main.ts', '')
  project.file('test/a.test.ts', '')
  project.file('compiler', compiler)
  project.file('bundler', '#!/bin/sh\nmkdir -p dist/bin && cat "$1" > dist/bin/dt.js\n')
  project.program('redis-server', redis)
  project.program(
    'npm',
    'mkdir -p node_modules/typescript/bin node_modules/.bin\ncat package-lock.json > node_modules/.package-lock.json\n' +
      'cat compiler > node_modules/typescript/bin/tsc\n' +
      'cat bundler > node_modules/.bin/esbuild\nchmod +x node_modules/.bin/esbuild',
  )
  return project
}

function setup(project: Project, ...argv: string[]) {
  const { status, stderr, stdout } = spawnSync('node', ['scripts/setup.mjs', ...argv], {
    cwd: project.dir,
    env: project.env,
    encoding: 'utf8',
  })
  const calls = project.calls().filter((call) => !call.endsWith('--version'))
  return { status, said: stdout + stderr, calls }
}

t.test('a fresh clone gets its packages and is built; the second time nothing is to be done, or said', async (t) => {
  const project = freshClone(t)
  const first = setup(project)
  t.same([first.status, first.calls], [0, ['npm ci --include=dev --loglevel=error', 'tsc']])
  t.ok(existsSync(join(project.dir, 'dist/bin/dt.js')))
  t.same(setup(project), { status: 0, said: '', calls: [] })
})

t.test('packages are installed again when the lock file names others, not when it is only younger', async (t) => {
  const project = freshClone(t)
  setup(project)
  const touchLock = (seconds: number) => {
    const later = Date.now() / 1000 + seconds
    utimesSync(join(project.dir, 'package-lock.json'), later, later)
  }
  touchLock(60)
  t.notMatch(setup(project).calls, [/^npm/])
  project.file('package-lock.json', lock('1.0.1'))
  touchLock(120)
  t.match(setup(project).calls, [/^npm ci/, 'tsc'])
})

t.test('a failed npm ci is said in one sentence', async (t) => {
  const project = freshClone(t)
  project.program('npm', 'echo no network >&2; exit 1')
  const { status, said, calls } = setup(project)
  t.same([status, calls.length], [1, 1])
  t.match(said, /^no network\nnpm ci failed, for the reason above.\n$/m)
})

t.test('what changes is built, and what has no source any more is removed', async (t) => {
  const project = freshClone(t)
  setup(project)
  project.file('src/main.ts', 'changed')
  project.file('test/b.test.ts', '')
  t.same(setup(project).calls, ['tsc'])
  t.ok(existsSync(join(project.dir, 'dist/test/a.test.js')))
  rmSync(join(project.dir, 'test/a.test.ts'))
  t.same(setup(project).calls, ['tsc'])
  t.notOk(existsSync(join(project.dir, 'dist/test/a.test.js')))
  t.ok(existsSync(join(project.dir, 'dist/test/b.test.js')))
  rmSync(join(project.dir, 'dist/bin'), { recursive: true })
  t.same(setup(project).calls, ['tsc'])
})

t.test('a build with errors stops everything, and is tried again', async (t) => {
  const project = freshClone(t)
  project.file('broken', '')
  const { status, said } = setup(project)
  t.equal(status, 1)
  t.match(said, /src\/main.ts\(1,1\): error\nThe build failed, for the reasons above.\n$/)
  rmSync(join(project.dir, 'broken'))
  t.same([setup(project).status, setup(project).calls], [0, []])
})

const isDebian =
  existsSync('/etc/os-release') && /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))
const isRoot = process.getuid?.() === 0

t.test('without redis-server, Debian installs it', { skip: !isDebian && 'this is not Debian' }, async (t) => {
  const project = freshClone(t)
  rmSync(join(project.bin, 'redis-server'))
  if (!isRoot) project.program('sudo', 'shift; exec "$@"')
  const server = `printf '#!/bin/sh\\n${redis.replaceAll('"', '')}\\n' > bin/redis-server; chmod 755 bin/redis-server\n`
  project.file('scripts/install-packages.sh', `echo install >> calls\n${server}`)
  const { status, calls } = setup(project)
  t.equal(status, 0)
  t.ok(calls.includes('install'))
  t.same(setup(project).calls, [])
})

t.test('where it cannot be installed, one sentence says what to do', { skip: !isDebian }, async (t) => {
  const project = freshClone(t)
  rmSync(join(project.bin, 'redis-server'))
  if (isRoot) project.file('scripts/install-packages.sh', 'echo no such package >&2; exit 100\n')
  else project.program('sudo', 'exit 1')
  const { status, said } = setup(project)
  t.equal(status, 1)
  t.match(said, /^Redis is missing: please install version 7.0 or newer, so that redis-server is on the PATH.*\.$/m)
})

t.test('tests want Redis’s clients too', { skip: !isDebian || !isRoot }, async (t) => {
  const project = freshClone(t)
  t.same(setup(project).calls.includes('install-packages.sh'), false)
  const { status, said, calls } = setup(project, '--tests')
  t.same([status, calls], [1, ['install-packages.sh']])
  t.match(said, 'redis-cli is still not on the PATH after installing redis-server and redis-tools.')
})

/** A clone on a machine that has everything for the tests, and looks for twemproxy in `sbin`. */
function cloneForBench(t: Test): Project {
  const project = freshClone(t)
  const script = readFileSync(join(project.dir, 'scripts/setup.mjs'), 'utf8')
  project.file('scripts/setup.mjs', script.replaceAll('/usr/sbin/', 'sbin/'))
  project.program('redis-cli')
  project.program('redis-benchmark')
  return project
}

t.test('the benchmark wants twemproxy too, which Debian installs', { skip: !isDebian }, async (t) => {
  const project = cloneForBench(t)
  if (!isRoot) project.program('sudo', 'shift; exec "$@"')
  const program = 'mkdir -p sbin; echo "#!/bin/sh" > sbin/nutcracker; chmod 755 sbin/nutcracker'
  project.file('scripts/install-packages.sh', `echo "install $*" >> calls\n${program}\n`)
  const { status, calls } = setup(project, '--bench')
  t.equal(status, 0)
  t.ok(calls.includes('install nutcracker'))
  t.same(setup(project, '--bench'), { status: 0, said: '', calls: [] })
})

t.test('where there is no twemproxy, the benchmark goes without', async (t) => {
  const project = cloneForBench(t)
  if (isRoot) project.file('scripts/install-packages.sh', 'echo no such package >&2; exit 100\n')
  else project.program('sudo', 'exit 1')
  const { status, said } = setup(project, '--bench')
  t.equal(status, 0)
  t.match(said, /^Twemproxy is missing and left out of the comparison .*\.$/m)
})

t.test('a Redis that is too old is said in one sentence', async (t) => {
  const project = freshClone(t)
  project.program('redis-server', 'echo Redis server v=6.0.16 sha=0')
  const { status, said } = setup(project)
  t.equal(status, 1)
  t.match(said, /^redis-server 6.0.16 is too old: please install 7.0 or newer/m)
})
