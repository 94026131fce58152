/** A broken assumption of our own code, never the user's fault. */
export class AssertionError extends Error {
  override name = 'AssertionError'
}

/** Throws when `condition` does not hold: for what must be true if the code is right, not for checking input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}
