import type { Config } from '../config/config.js'

/** Where settings come from, what they said when the process began, and when they were read last. */
export class SettingsSource {
  last: Config

  constructor(
    readonly first: Config,
    /** @throws ConfigError */
    readonly read: () => Config,
  ) {
    this.last = first
  }
}
