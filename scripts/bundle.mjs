/*
 * Makes the program `dt` of what the compiler has made: a few files instead of the hundreds that its modules and
 * packages are, each of which Node would have to find, read and link before the proxy can serve. What belongs to one
 * command only is in a file of its own, and read when that is used.
 *
 *   node scripts/bundle.mjs [DIR]    of the build in DIR
 */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Packages of which a module asks for another one by `require` find none in a module of this kind by themselves.
const require = "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);"

const options = [
  ...['--bundle', '--splitting', '--format=esm', '--platform=node', '--target=node20.3', '--log-level=warning'],
  // One is compiled for this machine, the other one is for who develops.
  ...['--external:farmhash', '--external:pino-pretty'],
  ...['--entry-names=dt', '--outdir=dist/bin', `--banner:js=${require}`],
]

/** Throws when it cannot be made, for reasons that are printed then. */
export function bundle(directory = '.') {
  rmSync(`${directory}/dist/bin`, { recursive: true, force: true })
  const { status } = spawnSync(`${process.cwd()}/node_modules/.bin/esbuild`, ['dist/src/main.js', ...options], {
    cwd: directory,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) throw new Error('The program could not be put together, for the reasons above.')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)))
  try {
    bundle(process.argv[2])
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}
