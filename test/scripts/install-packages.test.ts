import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Project, repository } from './project.js'

const former = '#!/bin/sh\nexit 104 # the former policy\n'
/** What apt-get's package scripts would do: ask the policy whether a service may start. */
const installs = 'case "$*" in *install*) sh etc/policy-rc.d; echo "policy says $?" >> calls;; esac'

/** The script with a policy file that is not this machine's own. */
function machine(t: Test): Project {
  const project = new Project(t.testdir())
  const script = readFileSync(join(repository, 'scripts/install-packages.sh'), 'utf8')
  const harmless = script.replaceAll('/usr/sbin/', 'etc/')
  if (harmless === script || harmless.includes('/usr/sbin')) throw new Error('the script would touch this machine')
  project.file('install-packages.sh', harmless)
  project.file('etc/keep', '')
  project.program('apt-get', installs)
  project.program('systemctl')
  return project
}

const REDIS = ['redis-server', 'redis-tools']
const install = (project: Project, packages = REDIS) =>
  spawnSync('sh', ['install-packages.sh', ...packages], { cwd: project.dir, env: project.env, encoding: 'utf8' })
const policyFiles = (project: Project) => readdirSync(join(project.dir, 'etc')).filter((name) => name !== 'keep')

function givePolicy(project: Project): string {
  const path = join(project.dir, 'etc/policy-rc.d')
  writeFileSync(path, former)
  chmodSync(path, 0o711)
  return path
}

t.test('both packages are installed while no service may start, nor will it start with the next boot', async (t) => {
  const project = machine(t)
  t.equal(install(project).status, 0)
  const calls = project.calls()
  t.match(calls[0], /^apt-get .*install --no-install-recommends redis-server redis-tools$/)
  t.same(calls.slice(1), ['policy says 101', 'systemctl --quiet disable redis-server.service'])
  t.same(policyFiles(project), [], 'the policy is gone again')
})

t.test('twemproxy comes without its service, too', async (t) => {
  const project = machine(t)
  t.equal(install(project, ['nutcracker']).status, 0)
  const calls = project.calls()
  t.match(calls[0], /install --no-install-recommends nutcracker$/)
  t.same(calls.slice(1), ['policy says 101', 'systemctl --quiet disable nutcracker.service'])
})

t.test('a policy that was there is there again', async (t) => {
  const project = machine(t)
  const path = givePolicy(project)
  t.equal(install(project).status, 0)
  t.match(project.calls(), [/apt-get/, 'policy says 101', /systemctl/])
  t.same([readFileSync(path, 'utf8'), statSync(path).mode & 0o777], [former, 0o711])
  t.same(policyFiles(project), ['policy-rc.d'])
})

t.test('package lists that are missing are fetched', async (t) => {
  const project = machine(t)
  project.program('apt-get', `[ "$*" != "-q update" ] || touch lists\n[ -e lists ] || exit 100\n${installs}`)
  t.equal(install(project).status, 0)
  t.match(project.calls(), [/install/, 'apt-get -q update', /install/, 'policy says 101', /systemctl/])
})

t.test('when it fails, the former policy is there again, and the exit code says so', async (t) => {
  const project = machine(t)
  const path = givePolicy(project)
  project.program('apt-get', 'exit 100')
  t.not(install(project).status, 0)
  t.equal(readFileSync(path, 'utf8'), former)
  t.same(policyFiles(project), ['policy-rc.d'])
})

t.test('after a run that was killed, the former policy is not lost, and ours does not stay', async (t) => {
  for (const hadPolicy of [true, false]) {
    const project = machine(t)
    if (hadPolicy) givePolicy(project)
    project.program('apt-get', 'kill -9 $PPID')
    t.equal(install(project).signal, 'SIGKILL')
    t.equal(policyFiles(project).length, hadPolicy ? 2 : 1)
    project.program('apt-get', installs)
    t.equal(install(project).status, 0)
    t.same(policyFiles(project), hadPolicy ? ['policy-rc.d'] : [])
    if (hadPolicy) t.equal(readFileSync(join(project.dir, 'etc/policy-rc.d'), 'utf8'), former)
  }
})

t.test('a machine without systemd is fine', async (t) => {
  const project = machine(t)
  spawnSync('rm', [join(project.bin, 'systemctl')])
  t.equal(install(project).status, 0)
  t.notOk(existsSync(join(project.dir, 'etc/policy-rc.d')))
})
