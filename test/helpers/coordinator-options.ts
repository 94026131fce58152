import type { Coordinator } from '../../src/coordinator/coordinator.js'

/** What a coordinator is told where a test needs nothing of that: nobody listens, and nothing is missing. */
export const COORDINATOR_OPTIONS: ConstructorParameters<typeof Coordinator>[3] = {
  unavailableTimeoutMs: 1000,
  maxBlockMs: 50,
  crossServer: 'gather',
  gatherBytes: 32 * 1024 * 1024,
  gatherMs: 5000,
  scriptMs: 60_000,
  scriptEffectsBytes: 1024 * 1024,
  loadedScriptsBytes: 64 * 1024 * 1024,
  missing: () => 'nothing',
  wasRemoved: () => false,
  distrust: () => {},
  databasesSwapped: () => {},
  memoryChanged: () => {},
}
