import type { Config } from '../config/config.js'

/** Where settings come from, and what they said when they were read last. */
export class SettingsSource {
  constructor(
    public last: Config,
    /** @throws ConfigError */
    readonly read: () => Config,
  ) {}
}
