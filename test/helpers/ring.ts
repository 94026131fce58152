import { LocalRing } from '../../src/local/local-ring.js'
import { PATIENT_MS } from './sentinels.js'
import { temporaryDirectory } from './temporary-directory.js'

/**
 * Members that lose nothing when they are killed: with `everysec` a server keeps writes to itself for up to two seconds
 * while the disk is slow.
 */
export const MEMBER_CONFIG: readonly string[] = ['appendfsync no']

/** A ring of real servers in a temporary directory, for proxies that the test starts itself; it ends with the test. */
export async function startRing(t: { teardown(end: () => unknown): void }, nodes = 4): Promise<LocalRing> {
  const dir = temporaryDirectory(t)
  const ring = new LocalRing({ dir, nodes, downAfterMs: PATIENT_MS, memberConfig: MEMBER_CONFIG })
  t.teardown(() => ring.stop())
  await ring.start()
  return ring
}
