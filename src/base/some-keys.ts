import type { KeyId } from './key-id.js'

/** Some keys of which something is known, as a Map or a Set has them. */
export interface SomeKeys {
  keys(): Iterable<KeyId>
}
