import type { Config } from '../config/config.js'
import type { LongScriptOptions } from '../serving/script/long-scripts.js'
import type { GatherSettings } from '../serving/several/gather/limits.js'

/** What of the settings concerns how commands are served. */
export function servingSettings({ limits, migration, commands, backend }: Config): ServingSettings {
  const { unavailableTimeoutMs, gatherBytes, gatherMs, scriptMs } = limits
  return {
    unavailableTimeoutMs,
    gatherBytes,
    gatherMs,
    scriptMs,
    username: backend.username,
    password: backend.password,
    maxBlockMs: migration.maxBlockMs,
    crossServer: commands.crossServer,
  }
}

interface ServingSettings extends GatherSettings, LongScriptOptions {
  readonly unavailableTimeoutMs: number
  readonly maxBlockMs: number
}
