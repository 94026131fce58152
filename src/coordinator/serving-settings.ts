import type { Config } from '../config/config.js'
import type { GatherSettings } from '../serving/several/gather/limits.js'

/** What of the settings concerns how commands are served. */
export function servingSettings({ limits, migration, commands }: Config): ServingSettings {
  const { unavailableTimeoutMs, gatherBytes, gatherMs } = limits
  return {
    unavailableTimeoutMs,
    gatherBytes,
    gatherMs,
    maxBlockMs: migration.maxBlockMs,
    crossServer: commands.crossServer,
  }
}

interface ServingSettings extends GatherSettings {
  readonly unavailableTimeoutMs: number
  readonly maxBlockMs: number
}
