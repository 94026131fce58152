import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { UserError } from '../base/user-error.js'
import { AclLog } from './acl-log.js'
import { type Defaults, hashOf, type User } from './user.js'
import { DEFAULT_USER, Users, usersIn } from './users.js'

/** What the settings say of who may do what. */
export interface AclSettings {
  /** Lines as in an ACL file; not beside a file. */
  readonly users: readonly string[]
  readonly file?: string | undefined
  readonly logMax: number
  readonly pubsubDefault: 'allchannels' | 'resetchannels'
}

/** What a file has changed. */
export interface Loaded {
  /** Who is not there any more. */
  readonly gone: readonly User[]
  /** Who may do something else than before, or log in otherwise. */
  readonly changed: readonly User[]
}

/**
 * Who may do what [Redis acl.c]. The servers know nothing of it: to them all clients are the user of the links.
 *
 *     settings, file ──> Users ──login──> session.user ──denialOf──> each command in dispatch, again in EXEC, and in scripts
 */
export class Acl {
  readonly users: Users
  readonly log: AclLog
  readonly defaults: Defaults
  /** What gives the default user the password of the settings, or that of CONFIG SET; undefined: it has none. */
  private passwordRule: Buffer | undefined
  /** The hash of the password of the settings; undefined: they have none. */
  readonly settingsHash: string | undefined
  /** Whether the settings, or the file, have rules of the default user. */
  hasRulesOfDefault = false

  /** @throws UserError when the settings, or the file, do not say who may what */
  constructor(
    private readonly settings: AclSettings,
    /** That of the default user, as long as no rules say otherwise. */
    password: string | undefined,
  ) {
    this.defaults = { allChannels: settings.pubsubDefault === 'allchannels' }
    this.users = new Users(this.defaults)
    this.log = new AclLog(settings.logMax)
    if (password !== undefined) {
      this.passwordRule = Buffer.from(`>${password}`)
      this.settingsHash = hashOf(Buffer.from(password))
    }
    this.users.default.take(this.firstDefault())
    if (settings.file !== undefined) {
      if (settings.users.length > 0) throw new UserError('users are in acl.users or in acl.file, not in both')
      const loaded = this.load()
      if (typeof loaded === 'string') throw new UserError(`the ACL file is not right: ${loaded}`)
      return
    }
    const described = usersIn(settings.users.join('\n'), (number) => `line ${number}`, this.defaults)
    if ('errors' in described) throw new UserError(`acl.users is not right: ${described.errors.trim()}`)
    for (const user of described.users) this.users.put(user)
    this.hasRulesOfDefault = described.users.some(({ name }) => name === DEFAULT_USER)
  }

  /** The path of the ACL file; undefined when there is none. */
  get file(): string | undefined {
    return this.settings.file
  }

  /** Whether `requirepass` is set, whatever rules have made of the default user since. */
  get hasPassword(): boolean {
    return this.passwordRule !== undefined
  }

  /**
   * The default user has this password and no other, or needs none [Redis acl.c ACLUpdateDefaultUserPassword].
   *
   * @param rule as ACL SETUSER has it: `>password` or `#hash`
   */
  setPassword(rule: Buffer | undefined): void {
    this.passwordRule = rule
    const user = this.users.draft(DEFAULT_USER)
    for (const each of rule === undefined ? ['nopass'] : ['resetpass', rule]) user.apply(Buffer.from(each))
    this.users.put(user)
  }

  /** All users are those of the file from now on, or nothing has changed and this is why [Redis acl.c ACLLoadFromFile]. */
  load(): Loaded | string {
    const path = this.file!
    let text: string
    try {
      text = readFileSync(path, 'latin1')
    } catch (failure) {
      return `Error loading ACLs, opening file '${path}': ${reasonOf(failure)}`
    }
    const described = usersIn(text, (number) => `${path}:${number}`, this.defaults)
    if ('errors' in described) {
      return `${described.errors}WARNING: ACL errors detected, no change to the previously active ACL rules was performed`
    }
    const { users } = this
    const wanted = new Map(described.users.map((user) => [user.name, user]))
    // A password in the settings goes on being asked for when the file says nothing of the default user.
    this.hasRulesOfDefault = wanted.has(DEFAULT_USER)
    if (!this.hasRulesOfDefault) wanted.set(DEFAULT_USER, this.firstDefault())
    const gone = users.all().filter(({ name }) => !wanted.has(name))
    for (const { name } of gone) users.remove(name)
    const changed: User[] = []
    for (const user of wanted.values()) {
      const before = users.get(user.name)?.describe()
      const after = users.put(user)
      if (before !== undefined && !before.equals(after.describe())) changed.push(after)
    }
    return { gone, changed }
  }

  /** Writes all users into the file; @throws the system's error */
  save(): void {
    const path = this.file!
    const temporary = `${path}.tmp-${process.pid}`
    try {
      const lines = this.users.all().map((user) => Buffer.concat([user.describe(), Buffer.from('\n')]))
      writeFileSync(temporary, Buffer.concat(lines), { mode: 0o600 })
      renameSync(temporary, path)
    } catch (failure) {
      rmSync(temporary, { force: true })
      throw failure
    }
  }

  private firstDefault(): User {
    const user = this.users.newDefault()
    if (this.passwordRule !== undefined) user.apply(this.passwordRule)
    return user
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  EISDIR: 'Is a directory',
}

function reasonOf(failure: unknown): string {
  const { code = '', message } = failure as NodeJS.ErrnoException
  return REASONS[code] ?? message
}
