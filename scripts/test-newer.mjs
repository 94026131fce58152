/*
 * Runs test/newer, which holds for every version, with the servers of Debian's newer suites: `npm run test:newer`, or with
 * `-- sid-valkey-server` one of them. Each that cannot be had is named, and the whole then fails: what was not tried has not passed.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SERVERS = [
  ...['trixie-redis-server', 'trixie-valkey-server', 'sid-redis-server', 'sid-valkey-server'],
  'experimental-redis-server',
]

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const words = process.argv.slice(2)
const chosen = words.length > 0 ? words : SERVERS
const dir = process.env.DT_NEWER_SERVERS ?? join(process.cwd(), 'node_modules', '.cache', 'newer-servers')
mkdirSync(dir, { recursive: true })
const failed = []
for (const name of chosen) {
  const [suite, ...rest] = name.split('-')
  const had = spawnSync('scripts/newer-servers.sh', [dir, suite, rest.join('-')], { encoding: 'utf8' })
  if (had.status !== 0) {
    failed.push(`${name} was NOT TRIED: ${(had.stdout || had.stderr || String(had.error)).trim().split('\n').at(-1)}`)
    continue
  }
  const bin = join(dir, name, 'bin')
  const version = spawnSync(join(bin, 'redis-server'), ['--version'], { encoding: 'utf8' })
  console.log(`# ${name}: ${version.stdout.trim()}`)
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
  const { status } = spawnSync(process.execPath, ['scripts/test.mjs', 'test/newer'], { env, stdio: 'inherit' })
  if (status !== 0) failed.push(`${name} failed`)
}
for (const line of failed) console.log(`# ${line}`)
process.exit(failed.length > 0 ? 1 : 0)
