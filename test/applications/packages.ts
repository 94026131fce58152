import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Program } from './programs.js'

export const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))
const APPLICATIONS = join(REPOSITORY, 'applications')

/** Whether npm has installed the applications; asked once. */
let npmWorked: boolean | undefined

/** Gets what these programs need where it can be had. Says for each that cannot run why. */
export function missing(programs: readonly Program[]): Map<string, string> {
  const needed = [...new Set(programs.flatMap(({ debian = [] }) => debian))]
  const absent = needed.filter((name) => !isInstalled(name))
  if (absent.length > 0 && process.getuid?.() === 0) install(absent)
  const why = new Map<string, string>()
  for (const { name, debian = [], file } of programs) {
    const without = debian.filter((each) => !isInstalled(each))
    if (without.length > 0) why.set(name, `Debian's ${without.join(', ')} cannot be had`)
    if (file.startsWith('node/') && !npmInstalls()) why.set(name, 'npm could not install applications/package.json')
  }
  return why
}

function install(names: readonly string[]): void {
  console.error(`Installing ${names.join(', ')} (apt-get) …`)
  spawnSync('sh', [join(REPOSITORY, 'scripts/install-packages.sh'), ...names], { stdio: ['ignore', 'ignore', 2] })
}

function isInstalled(name: string): boolean {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '$' + '{Status}', name], { encoding: 'utf8' })
  return /^install ok installed/.test(stdout ?? '')
}

function npmInstalls(): boolean {
  if (npmWorked !== undefined) return npmWorked
  if (existsSync(join(APPLICATIONS, 'node_modules', '.package-lock.json'))) return (npmWorked = true)
  console.error('Installing the packages of applications/ (npm ci) …')
  const { status } = spawnSync('npm', ['ci', '--loglevel=error'], { cwd: APPLICATIONS, stdio: ['ignore', 2, 2] })
  return (npmWorked = status === 0)
}
