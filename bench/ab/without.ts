import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { UserError } from '../../src/base/user-error.js'

/** What can be cut out of a build, to see what it costs: in which files, what, and what stands there instead. */
const CUTS = {
  /** How long commands take is counted always. */
  metrics: {
    file: /client\/durations\.js$/,
    what: /^( +)(note|noteOwn)\((.*)\) \{$/gm,
    by: '$1$2($3) {\n$1    return;',
  },
  /** That nothing is traced is asked in some places. */
  traces: { file: /\.js$/, what: /\btracing\.isOn\b(?! =)/g, by: 'false' },
  /** Whether a user may do everything is asked of each command. */
  acl: { file: /\.js$/, what: /\b(?:session\.)?user\.mayAll\b/g, by: 'true' },
} as const

export type Part = keyof typeof CUTS
export const PARTS = Object.keys(CUTS) as Part[]

/** As in conf/prometheus.yml. */
const SCRAPE_MS = 15_000

/**
 * Runs `work` with the directory of a copy of this build that is without a part; the copy is removed then.
 *
 * @throws UserError when this build has no such part
 */
export async function withCopyWithout<T>(part: Part, work: (program: string) => Promise<T>): Promise<T> {
  const program = mkdtempSync(join(tmpdir(), 'dt-without-'))
  try {
    cpSync('dist/src', join(program, 'dist/src'), { recursive: true })
    for (const name of ['node_modules', 'package.json', 'page', 'conf']) symlinkSync(resolve(name), join(program, name))
    const { file, what, by } = CUTS[part]
    let cuts = 0
    for (const path of readdirSync(join(program, 'dist/src'), { recursive: true, encoding: 'utf8' })) {
      if (!file.test(path)) continue
      const text = readFileSync(join(program, 'dist/src', path), 'utf8')
      cuts += text.match(what)?.length ?? 0
      writeFileSync(join(program, 'dist/src', path), text.replace(what, by))
    }
    if (cuts < 2) throw new UserError(`this build has no ${part} that could be cut out`)
    const { status } = spawnSync(process.execPath, ['scripts/bundle.mjs', program], { stdio: ['ignore', 2, 2] })
    if (status !== 0) throw new UserError('what is left could not be put together, for the reasons above')
    return await work(program)
  } finally {
    rmSync(program, { recursive: true, force: true })
  }
}

/** Asks for the metrics on that port as Prometheus does; gives how to end that. */
export function scrape(port: number): () => void {
  const timer = setInterval(() => {
    get({ port, path: '/metrics' }, (response) => response.resume()).on('error', () => {})
  }, SCRAPE_MS)
  timer.unref()
  return () => clearInterval(timer)
}
