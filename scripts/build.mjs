/*
 * Compiles the sources into dist/, and makes the program dist/bin/dt.js of them, when something has changed since the last time, and removes from dist/ what has no
 * source any more (a test that was renamed would run twice).
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from './bundle.mjs'

const sourceDirectories = ['src', 'test', 'bench', 'scripts']
const stamp = 'dist/.built-from'

/** Brings dist/ up to date. Throws when the compiler finds errors, which it has printed then. */
export function build() {
  const wanted = fingerprint()
  if (existsSync(stamp) && existsSync('dist/bin/dt.js') && readFileSync(stamp, 'utf8') === wanted) return
  console.error('Building …')
  // Without a stamp nobody knows what is in dist/: the compiler's own notes would make it leave files out.
  if (!existsSync(stamp)) rmSync('dist', { recursive: true, force: true })
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'], {
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) throw new Error('The build failed, for the reasons above.')
  removeOrphans()
  bundle()
  // npm does so once, when it links the command; a new dist/ would be without.
  chmodSync('dist/bin/dt.js', 0o755)
  writeFileSync(stamp, wanted)
}

/** Names, sizes and times of everything that the compiler reads. */
function fingerprint() {
  const hash = createHash('sha1')
  const sources = sourceDirectories.flatMap(filesIn).filter((path) => /\.(ts|json)$/.test(path))
  for (const path of [...sources, 'tsconfig.json', 'package.json', 'package-lock.json'].sort()) {
    const { size, mtimeMs } = statSync(path)
    hash.update(`${path} ${size} ${mtimeMs}\n`)
  }
  return hash.digest('hex')
}

function removeOrphans() {
  for (const path of sourceDirectories.flatMap((directory) => filesIn(join('dist', directory)))) {
    const source = path.slice('dist/'.length).replace(/\.js(\.map)?$/, '.ts')
    if (!existsSync(source)) rmSync(path)
  }
}

function filesIn(directory) {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    return entry.isDirectory() ? filesIn(path) : [path]
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)))
  try {
    build()
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}
