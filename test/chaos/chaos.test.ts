import { fileURLToPath } from 'node:url'
import t from 'tap'
import { run } from '../helpers/run.js'

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))
const SECONDS = 18
const RING = ['--nodes', '5', '--replicas', '2', '--state-file', 'no']

/** The short one, for every run of the tests; `npm run chaos -- --seconds 600` is for the night. */
for (const seed of [7, 14]) {
  t.test(`every promise is kept while things go wrong, seed ${seed}`, { timeout: 110_000 }, async (t) => {
    const args = [MAIN, '--seconds', String(SECONDS), '--seed', String(seed), ...RING]
    const { code, stdout, stderr } = await run(process.execPath, args, '', 105_000)
    t.comment(stdout)
    t.equal(code, 0, stderr)
    t.match(stdout, /^No violations\.$/m)
    const operations = Number(/^all +(\d+)/m.exec(stdout)?.[1])
    t.ok(operations > 1000, `${operations} operations`)
  })
}
