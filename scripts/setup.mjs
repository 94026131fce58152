/*
 * What `npm start` and `npm test` need before they begin, from a fresh clone on: the packages, Redis, the build.
 * Says nothing and takes a fraction of a second when all of it is there. `setup.mjs --tests` wants Redis's own
 * clients as well; `setup.mjs --bench` too, and twemproxy if it can be had; `setup.mjs --page` a browser.
 *
 * It runs before any package is installed, so it uses Node alone.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'

const oldestNode = [20, 3]
const oldestRedis = 7

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
try {
  checkNode()
  installPackages()
  const [tests, bench, page] = ['--tests', '--bench', '--page'].map((option) => process.argv.includes(option))
  ensureRedis(tests || bench || page ? ['redis-server', 'redis-cli', 'redis-benchmark'] : ['redis-server'])
  if (bench) tryTwemproxy()
  if (page) ensureChromium()
  build()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return
  throw new Error(`Node.js ${process.versions.node} is too old: ${oldestNode.join('.')} or newer is needed.`)
}

function installPackages() {
  if (packagesAreInstalled()) return
  console.error('Installing the packages (npm ci) …')
  const { status } = spawnSync('npm', ['ci', '--include=dev', '--loglevel=error'], { stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('npm ci failed, for the reason above.')
}

/** npm notes in node_modules what it has installed: newer than the lock file, or at least the same packages. */
function packagesAreInstalled() {
  const [lock, installed] = ['package-lock.json', 'node_modules/.package-lock.json']
  if (!existsSync(installed)) return false
  if (statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return true
  const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages
  const present = packagesOf(installed)
  return Object.entries(packagesOf(lock)).every(
    ([path, { version, optional }]) => path === '' || optional || present[path]?.version === version,
  )
}

function ensureRedis(programs) {
  if (programs.every((program) => versionOf(program) !== undefined)) return checkRedisVersion()
  installRedis()
  const missing = programs.find((program) => versionOf(program) === undefined)
  if (missing) throw new Error(`${missing} is still not on the PATH after installing redis-server and redis-tools.`)
  checkRedisVersion()
}

function installRedis() {
  const byHand = 'Redis is missing: please install version 7.0 or newer, so that redis-server is on the PATH'
  if (!isDebian()) throw new Error(`${byHand} (macOS: brew install redis; Fedora: dnf install redis).`)
  if (!canInstall()) throw new Error(`${byHand} (sudo apt-get install redis-server redis-tools).`)
  if (!install('redis-server', 'redis-tools')) throw new Error(`${byHand}; apt-get failed for the reason above.`)
}

/** The proxy that the benchmark compares with, which Debian calls nutcracker and puts where only root looks. */
function tryTwemproxy() {
  const isThere = () => ['nutcracker', '/usr/sbin/nutcracker'].some((program) => versionOf(program) !== undefined)
  if (isThere() || (isDebian() && canInstall() && install('nutcracker') && isThere())) return
  console.error(
    'Twemproxy is missing and left out of the comparison (Debian, Ubuntu: sudo apt-get install nutcracker).',
  )
}

/** The browser in which the page is looked at. */
function ensureChromium() {
  if (versionOf('chromium') !== undefined) return
  if (isDebian() && canInstall() && install('chromium') && versionOf('chromium') !== undefined) return
  throw new Error(
    'Chromium is missing: please install it, so that chromium is on the PATH (Debian: sudo apt-get install chromium).',
  )
}

function isRoot() {
  return process.getuid() === 0
}

function canInstall() {
  return isRoot() || spawnSync('sudo', ['-n', 'true']).status === 0
}

/** Whether it worked. */
function install(...packages) {
  console.error(`Installing ${packages.join(' and ')} (apt-get), without starting a system service …`)
  const [command, ...args] = [...(isRoot() ? [] : ['sudo', '-n']), 'sh', 'scripts/install-packages.sh', ...packages]
  return spawnSync(command, args, { stdio: ['ignore', 2, 2] }).status === 0
}

function isDebian() {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  return /^(ID|ID_LIKE)=.*\b(debian|ubuntu)\b/m.test(release)
}

function checkRedisVersion() {
  const version = versionOf('redis-server')
  if (Number.parseInt(version, 10) >= oldestRedis) return
  throw new Error(
    `redis-server ${version} is too old: please install 7.0 or newer (packages.redis.io has it for older systems).`,
  )
}

/** `7.0.15`, or undefined when there is no such program on the PATH. */
function versionOf(program) {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return status === 0 ? (/[0-9]+\.[0-9]+[0-9.]*/.exec(stdout)?.[0] ?? '0') : undefined
}
