import type { KeyId } from './key-id.js'

/** Some keys of which something is known, as the keys of a Map or a Set. */
export type SomeKeys = Pick<ReadonlyMap<KeyId, unknown>, 'size' | 'keys'>
