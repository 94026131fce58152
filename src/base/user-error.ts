/**
 * Something that the person at the terminal can mend: a wrong setting, a taken port, a missing program. The message is
 * one sentence for that person; the `dt` command prints it without a stack and exits with a code that is not 0.
 */
export class UserError extends Error {
  override name = 'UserError'
}

/** A mistake in the arguments of a `dt` command, which the command's usage explains. */
export class UsageError extends UserError {
  override name = 'UsageError'
}
