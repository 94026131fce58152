import type { Config } from '../config/config.js'

type Changeable<T> = { -readonly [K in keyof T]: T[K] }

/** The settings of the proxy as they are now: CONFIG SET changes some of them [client/commands/settings/changeable]. */
export type LiveConfig = Omit<Config, 'listen' | 'limits' | 'log'> & {
  readonly listen: Changeable<Config['listen']>
  readonly limits: Changeable<Config['limits']>
  readonly log: Changeable<Config['log']>
  /** `client-output-buffer-limit` of replicas, of which there are none: it is shown as it was set. */
  readonly replicas: { bufferLimit: string }
}

/** As they are when the proxy starts. */
export function liveConfig(config: Config): LiveConfig {
  return {
    ...config,
    listen: { ...config.listen },
    limits: { ...config.limits },
    log: { ...config.log },
    replicas: { bufferLimit: '268435456 67108864 60' },
  }
}
