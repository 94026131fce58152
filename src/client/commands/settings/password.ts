import { createHash } from 'node:crypto'
import { endSessionsOf } from '../../rules.js'
import type { Server } from '../../server.js'
import type { Changeable } from './change.js'

/** What stands in the place of a password, as in Redis's slow log. */
export const REDACTED = '(redacted)'

/**
 * `requirepass`: the one password of the default user [Redis config.c updateRequirePass]. Nobody is shown it, and the servers keep
 * what ACL LIST has of it.
 */
export const PASSWORD: Changeable = {
  shown: ({ acl }) => (acl.hasPassword ? REDACTED : ''),

  check: ({ acl }, value) => {
    // Who writes back what CONFIG GET has shown would let in whoever has read this.
    if (value === REDACTED) return 'that is what CONFIG GET shows in the place of any password; nothing was set'
    return () => acl.setPassword(value === '' ? undefined : Buffer.from(`>${value}`, 'latin1'))
  },

  kept: (value) => (value.length === 0 ? value : Buffer.from(`#${createHash('sha256').update(value).digest('hex')}`)),

  restore: (server, kept) => {
    if (!/^(#[0-9a-f]{64})?$/.test(kept)) return 'it is no hash of a password'
    return () => restorePassword(server, kept)
  },
}

/** Who has come in before it was known may not have said it. */
function restorePassword(server: Server, kept: string): void {
  const { acl } = server
  const user = acl.users.default
  const before = String(user.describe())
  acl.setPassword(kept === '' ? undefined : Buffer.from(kept))
  if (kept !== '' && String(user.describe()) !== before) endSessionsOf(server, user, undefined)
}
