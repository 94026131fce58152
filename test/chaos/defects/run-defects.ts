import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type ChaosOptions, type Progress, runChaos } from '../run-chaos.js'
import { WORKLOADS } from '../workloads.js'
import { DEFECTS } from './defects.js'

/** What became of one defect. */
export interface Found {
  readonly defect: string
  /** The checks that found it, with the number of violations; empty when none did. */
  readonly checks: ReadonlyMap<string, number>
  readonly seconds: number
}

/** The arguments of node that bring the defect into the proxy's process. */
export function nodeArgsOf(defect: string): string[] {
  return ['--import', new URL(`./register.js?${defect}`, import.meta.url).href]
}

/** Runs the harness against each of these defects, for `options.seconds` each. */
export async function runDefects(
  names: readonly string[],
  options: Omit<ChaosOptions, 'workloads' | 'faults' | 'nodeArgs'>,
  onProgress: (defect: string, progress: Progress) => void,
  onFound: (found: Found) => void,
): Promise<readonly Found[]> {
  const all: Found[] = []
  for (const defect of names) {
    const dir = join(options.dir, defect)
    const startedMs = performance.now()
    const { faults } = DEFECTS[defect]
    const checks = new Map<string, number>()
    try {
      const chaos = { ...options, dir, workloads: WORKLOADS, faults, nodeArgs: nodeArgsOf(defect) }
      const report = await runChaos(chaos, (progress) => onProgress(defect, progress))
      for (const { check } of report.violations) checks.set(check, (checks.get(check) ?? 0) + 1)
      if (report.history.undecided.length > 0) checks.set('undecided', report.history.undecided.length)
    } catch (error) {
      // It made the proxy unusable, or does not fit any more.
      throw new Error(`${defect}: ${(error as Error).message}`)
    }
    rmSync(dir, { recursive: true, force: true })
    const found = { defect, checks, seconds: (performance.now() - startedMs) / 1000 }
    all.push(found)
    onFound(found)
  }
  return all
}
