import { WORD_BYTES_MAX } from '../base/ascii.js'
import { hasSpaces } from './selector.js'
import { type Defaults, FAULTS, joinBrackets, User } from './user.js'

export const DEFAULT_USER = 'default'
/** Less than what is compared of a name that a client says: none that is longer is anybody's. */
export const NAME_BYTES_MAX = WORD_BYTES_MAX - 1

/** All users, by their names in latin1. One of them, `default`, is who has not logged in. */
export class Users {
  readonly default: User
  private readonly byName = new Map<string, User>()

  constructor(readonly defaults: Defaults) {
    this.default = this.newDefault()
    this.byName.set(DEFAULT_USER, this.default)
  }

  get(name: string): User | undefined {
    return this.byName.get(name)
  }

  get count(): number {
    return this.byName.size
  }

  /** By their names [Redis acl.c raxNext]. */
  all(): User[] {
    return [...this.byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Whether somebody who connects is nobody before he has logged in [Redis server.c authRequired]. */
  get needLogin(): boolean {
    return !this.default.hasNoPassword || !this.default.isOn
  }

  /** A user that is nobody's yet, with what the one of this name may, if there is such. */
  draft(name: string): User {
    const draft = new User(name, this.defaults)
    const known = this.get(name)
    if (known !== undefined) draft.take(known)
    return draft
  }

  /** The user of this name is as the draft from now on, made if need be. */
  put(draft: User): User {
    const user = this.get(draft.name) ?? new User(draft.name, this.defaults)
    user.take(draft)
    this.byName.set(user.name, user)
    return user
  }

  /** Who is not there any more; the default user stays. */
  remove(name: string): User | undefined {
    const user = this.get(name)
    if (user === undefined || user === this.default) return undefined
    this.byName.delete(name)
    return user
  }

  newDefault(): User {
    const user = new User(DEFAULT_USER, this.defaults)
    for (const rule of ['+@all', '~*', '&*', 'on', 'nopass']) user.apply(Buffer.from(rule))
    return user
  }
}

/**
 * Applies rules as they stand behind ACL SETUSER or in a line, or says what is wrong with the first one that is, with its text as it
 * was given; a password is none of these texts, so it is not said.
 */
export function applyRules(
  user: User,
  rules: readonly Buffer[],
): { readonly rule: Buffer; readonly text: string } | undefined {
  for (const rule of rules) {
    const fault = user.apply(rule)
    if (fault !== undefined) return { rule, text: FAULTS[fault] }
  }
  return undefined
}

/** What is wrong with a text that describes users, one a line, or the users that it describes. */
export type Described = { readonly users: readonly User[] } | { readonly errors: string }

/**
 * The users of an ACL file [Redis acl.c ACLLoadFromFile]: lines `user <name> <rules …>`, or empty ones.
 *
 * @param lineName how a line with this number is called in an error
 */
export function usersIn(text: string, lineName: (number: number) => string, defaults: Defaults): Described {
  const users = new Map<string, User>()
  let errors = ''
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')
    if (line === '') continue
    const at = lineName(i + 1)
    const words = line.split(' ')
    if (words[0] !== 'user' || words.length < 2) {
      errors += `${at} should start with user keyword followed by the username. `
      continue
    }
    const [, name, ...rest] = words
    if (name.length > NAME_BYTES_MAX) {
      errors += `${at}: the name is longer than ${NAME_BYTES_MAX} bytes. `
      continue
    }
    if (hasSpaces(Buffer.from(name, 'latin1'))) {
      errors += `'${at}: username '${name}' contains invalid characters. `
      continue
    }
    if (users.has(name)) {
      errors += `WARNING: Duplicate user '${name}' found on line ${i + 1}. `
      continue
    }
    const user = new User(name, defaults)
    users.set(name, user)
    const rules = joinBrackets(rest.map((word) => Buffer.from(word, 'latin1')))
    if ('open' in rules) {
      errors += `${at}: Unmatched parenthesis in selector definition.`
      continue
    }
    for (const rule of rules) {
      const word = Buffer.from(rule.toString('latin1').replace(/^[\t\r\n]+|[\t\r\n]+$/g, ''), 'latin1')
      const fault = user.apply(word)
      if (fault === undefined) continue
      const which = fault === 'unknown' ? `Error in applying operation '${word.toString('latin1')}': ` : ''
      errors += `${at}: ${which}${FAULTS[fault]}. `
    }
  }
  return errors === '' ? { users: [...users.values()] } : { errors }
}
