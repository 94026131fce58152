import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * An empty directory, removed at the end of the test, for what runs servers: unlike `t.testdir()` it is below TMPDIR,
 * where scripts/test.mjs looks for servers that a test has left behind.
 */
export function temporaryDirectory(t: { teardown(end: () => void): void }): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'dt-test-')))
  t.teardown(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }))
  return dir
}
