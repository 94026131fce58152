import { createHash, timingSafeEqual } from 'node:crypto'
import { lowerWord } from '../base/ascii.js'
import { splitInline } from '../resp/split-inline.js'
import { type Fault, Selector, textOf } from './selector.js'

/** What Redis says of a rule that is wrong [Redis acl.c ACLSetUserStringError]. */
export const FAULTS: Readonly<Record<Fault, string>> = {
  unknown: 'Unknown command or category name in ACL',
  syntax: 'Syntax error',
  'argument-of-subcommand': 'Allowing first-arg of a subcommand is not supported',
  'after-all-keys':
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns",
  'after-all-channels':
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels",
  'no-such-password': 'The password you are trying to remove from the user does not exist',
  'no-hash': 'The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters',
}

const HASH = /^[0-9a-f]{64}$/
const OPEN = 0x28
const CLOSE = 0x29

/** What users begin with: see `acl-pubsub-default`. */
export interface Defaults {
  allChannels: boolean
}

/**
 * Somebody who may log in, and what he may do. Rules change it in place: who has logged in as this user has the rights that it has
 * at each command.
 */
export class User {
  isOn = false
  /** Any password is right. */
  hasNoPassword = false
  payloads: 'sanitize-payload' | 'skip-sanitize-payload' | undefined = undefined
  /** SHA-256, as hexadecimal digits. */
  passwords: readonly string[] = []
  selectors: readonly Selector[]
  /** Whether there is nothing that it may not do: what is looked at before each command. */
  mayAll = false
  /** Changes with the rules. */
  version = 0

  /** @param name latin1 */
  constructor(
    readonly name: string,
    private readonly defaults: Defaults,
  ) {
    this.selectors = [new Selector(defaults.allChannels)]
  }

  get root(): Selector {
    return this.selectors[0]
  }

  /** Becomes what the other is, but for the name. */
  take(other: User): void {
    this.isOn = other.isOn
    this.hasNoPassword = other.hasNoPassword
    this.payloads = other.payloads
    this.passwords = other.passwords
    this.selectors = other.selectors.map((selector) => selector.copy())
    this.noteRights()
  }

  /** Applies one rule, or says what is wrong with it [Redis acl.c ACLSetUser]. */
  apply(rule: Buffer): Fault | undefined {
    const fault = rule.length === 0 ? undefined : this.change(rule)
    this.noteRights()
    return fault
  }

  /** Whether it may log in with this password: in a time that tells nothing of how far it is right. */
  isLogin(password: Buffer): boolean {
    if (!this.isOn) return false
    if (this.hasNoPassword) return true
    const hash = Buffer.from(hashOf(password))
    let isRight = false
    for (const known of this.passwords) if (timingSafeEqual(Buffer.from(known), hash)) isRight = true
    return isRight
  }

  get flags(): string[] {
    const flags = [this.isOn ? 'on' : 'off']
    if (this.hasNoPassword) flags.push('nopass')
    if (this.payloads !== undefined) flags.push(this.payloads)
    return flags
  }

  /** As a line of an ACL file, which makes it anew. */
  describe(): Buffer {
    const head = [`user ${this.name}`, ...this.flags, ...this.passwords.map((hash) => `#${hash}`)].join(' ')
    const rights = this.selectors.map((selector, i) => {
      const text = selector.describe().toString('latin1')
      return i === 0 ? text : `(${text})`
    })
    return Buffer.from([head, ...rights].join(' '), 'latin1')
  }

  private noteRights(): void {
    this.version++
    this.mayAll = this.selectors.some(({ areAll }) => areAll)
  }

  private change(rule: Buffer): Fault | undefined {
    switch (lowerWord(rule)) {
      case 'on':
      case 'off':
        this.isOn = lowerWord(rule) === 'on'
        return undefined
      case 'sanitize-payload':
      case 'skip-sanitize-payload':
        this.payloads = lowerWord(rule) as typeof this.payloads
        return undefined
      case 'nopass':
      case 'resetpass':
        this.hasNoPassword = lowerWord(rule) === 'nopass'
        this.passwords = []
        return undefined
      case 'clearselectors':
        this.selectors = [this.root]
        return undefined
      case 'reset':
        this.reset()
        return undefined
    }
    switch (String.fromCharCode(rule[0])) {
      case '>':
      case '#':
        return this.addPassword(rule)
      case '<':
      case '!':
        return this.removePassword(rule)
      case '(':
        if (rule[rule.length - 1] === CLOSE) return this.addSelector(rule.subarray(1, -1))
    }
    return this.root.apply(rule)
  }

  private reset(): void {
    this.isOn = false
    this.hasNoPassword = false
    this.payloads = 'sanitize-payload'
    this.passwords = []
    this.selectors = [new Selector(this.defaults.allChannels)]
  }

  private addPassword(rule: Buffer): Fault | undefined {
    const hash = hashIn(rule)
    if (hash === undefined) return 'no-hash'
    if (!this.passwords.includes(hash)) this.passwords = [...this.passwords, hash]
    this.hasNoPassword = false
    return undefined
  }

  private removePassword(rule: Buffer): Fault | undefined {
    const hash = hashIn(rule)
    if (hash === undefined) return 'no-hash'
    if (!this.passwords.includes(hash)) return 'no-such-password'
    this.passwords = this.passwords.filter((each) => each !== hash)
    return undefined
  }

  private addSelector(rules: Buffer): Fault | undefined {
    const selector = new Selector(this.defaults.allChannels)
    // As Redis splits it: where quotes are not closed there are no rules.
    for (const rule of splitInline(rules) ?? []) {
      const fault = selector.apply(rule)
      if (fault !== undefined) return fault
    }
    this.selectors = [...this.selectors, selector]
    return undefined
  }
}

/** The hash that a rule gives, or that of the password that it gives; undefined when it is none. */
function hashIn(rule: Buffer): string | undefined {
  const sign = String.fromCharCode(rule[0])
  if (sign === '>' || sign === '<') return hashOf(rule.subarray(1))
  const hash = rule.toString('latin1', 1)
  return HASH.test(hash) ? hash : undefined
}

export function hashOf(password: Buffer): string {
  return createHash('sha256').update(password).digest('hex')
}

/** Rules of a bracket that stand in several arguments become one; or the argument with a bracket that is not closed [Redis acl.c ACLMergeSelectorArguments]. */
export function joinBrackets(args: readonly Buffer[]): Buffer[] | { readonly open: Buffer } {
  const rules: Buffer[] = []
  let first: Buffer | undefined
  let open: Buffer[] = []
  for (const arg of args) {
    const isClosed = arg[arg.length - 1] === CLOSE
    if (arg[0] === OPEN && !isClosed) {
      first = arg
      open = [arg]
    } else if (first !== undefined) {
      open.push(Buffer.from(' '), Buffer.from(textOf(arg), 'latin1'))
      if (!isClosed) continue
      rules.push(Buffer.concat(open))
      first = undefined
    } else rules.push(arg)
  }
  return first === undefined ? rules : { open: first }
}
