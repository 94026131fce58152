import type { Acl } from '../../../acl/acl.js'
import { hashOf } from '../../../acl/user.js'
import { endSessionsOf } from '../../rules.js'
import type { Changeable, Settable } from './change.js'

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

  kept: ({ acl }, value) => {
    const hash = value.length === 0 ? '' : `#${hashOf(value)}`
    return Buffer.from(acl.settingsHash === undefined ? hash : `${hash} #${acl.settingsHash}`)
  },

  restore: (server, kept) => {
    const { acl } = server
    const found = KEPT.exec(kept)
    if (found === null) return 'it is no hash of a password'
    const [, hash, replaced] = found
    const user = acl.users.default
    const isSo = hash === undefined ? user.hasNoPassword : String(user.passwords) === hash
    if (isSo) return () => {}
    return notRestored(acl, hash, replaced) ?? (() => restorePassword(server, hash!))
  },
}

/** What is kept: the hash, nothing for no password; and that of the password of the settings which it replaced, if there was one. */
const KEPT = /^(?:#([0-9a-f]{64}))?(?: #([0-9a-f]{64}))?$/

/** Why what was kept does not count: whoever has written something else into the settings or the ACL file since means that. */
function notRestored(acl: Acl, hash: string | undefined, replaced: string | undefined): string | undefined {
  if (acl.hasRulesOfDefault) return 'acl.users or the ACL file says how the user default logs in'
  if (hash === undefined) return 'a password is asked for now, and it would let everybody in'
  if (replaced !== acl.settingsHash) return 'auth.password is another one than when it was set'
  return undefined
}

/** Who has come in before it was known may not have said it. */
function restorePassword(server: Settable, hash: string): void {
  const { acl } = server
  acl.setPassword(Buffer.from(`#${hash}`))
  endSessionsOf(server, acl.users.default, undefined)
}
