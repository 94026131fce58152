import type { Config } from '../config/config.js'
import type { ScriptOptions } from '../serving/script/scripts.js'
import type { GatherSettings } from '../serving/several/gather/limits.js'
import type { TlsTarget } from '../tls/to-servers.js'

/** What of the settings concerns how commands are served. */
export function servingSettings(
  { limits, migration, commands, backend }: Config,
  tls: TlsTarget | undefined,
): ServingSettings {
  const { unavailableTimeoutMs, gatherBytes, gatherMs, scriptMs, scriptEffectsBytes, loadedScriptsBytes } = limits
  return {
    unavailableTimeoutMs,
    gatherBytes,
    gatherMs,
    scriptMs,
    scriptEffectsBytes,
    loadedScriptsBytes,
    username: backend.username,
    password: backend.password,
    tls,
    maxBlockMs: migration.maxBlockMs,
    crossServer: commands.crossServer,
  }
}

interface ServingSettings extends GatherSettings, ScriptOptions {
  readonly unavailableTimeoutMs: number
  readonly maxBlockMs: number
}
