import { lowerWord } from '../base/ascii.js'
import { Glob } from '../base/glob.js'
import { CommandRights } from './command-rights.js'

/** What a rule lets be done with keys: bits. */
export const READ = 1
export const WRITE = 2
const READ_AND_WRITE = READ | WRITE

export interface Pattern {
  readonly bytes: Buffer
  readonly glob: Glob
}

export interface KeyPattern extends Pattern {
  /** READ, WRITE, both; or neither, which fits what needs neither. */
  readonly access: number
}

/** What is wrong with a rule; the texts are in user.ts. */
export type Fault =
  | 'unknown'
  | 'syntax'
  | 'argument-of-subcommand'
  | 'after-all-keys'
  | 'after-all-channels'
  | 'no-such-password'
  | 'no-hash'

const TILDE = 0x7e

/**
 * One set of rights: commands, keys and channels. A user has one, and may have more in brackets; a command is allowed when one of
 * them allows all of it [Redis acl.c aclSelector].
 */
export class Selector {
  allKeys = false
  keys: readonly KeyPattern[] = []
  channels: readonly Pattern[] = []

  constructor(
    /** What it begins with, see `acl-pubsub-default`. */
    public allChannels: boolean,
    readonly commands: CommandRights = new CommandRights(),
  ) {}

  copy(): Selector {
    const copy = new Selector(this.allChannels, this.commands.copy())
    copy.allKeys = this.allKeys
    copy.keys = this.keys
    copy.channels = this.channels
    return copy
  }

  /** Whether there is nothing that it does not allow. */
  get areAll(): boolean {
    return this.allKeys && this.allChannels && this.commands.areAll
  }

  /** Whether keys may be touched that nobody has named [Redis acl.c ACLSelectorHasUnrestrictedKeyAccess]. */
  mayTouchAny(access: number): boolean {
    return this.allKeys || this.keys.some(({ bytes, access: has }) => (has & access) === access && isStar(bytes))
  }

  /** Applies one rule, or says what is wrong with it [Redis acl.c ACLSetSelector]. */
  apply(rule: Buffer): Fault | undefined {
    switch (lowerWord(rule)) {
      case 'allkeys':
      case '~*':
        this.allKeys = true
        this.keys = []
        return undefined
      case 'resetkeys':
        this.allKeys = false
        this.keys = []
        return undefined
      case 'allchannels':
      case '&*':
        this.allChannels = true
        this.channels = []
        return undefined
      case 'resetchannels':
        this.allChannels = false
        this.channels = []
        return undefined
      case 'allcommands':
      case '+@all':
        this.commands.setAll(true)
        return undefined
      case 'nocommands':
      case '-@all':
        this.commands.setAll(false)
        return undefined
    }
    const sign = String.fromCharCode(rule[0])
    if (sign === '~' || sign === '%') return this.addKeys(rule)
    if (sign === '&') return this.addChannels(rule.subarray(1))
    if (sign !== '+' && sign !== '-') return 'syntax'
    const word = textOf(rule).slice(1)
    if (!word.startsWith('@')) return this.commands.setCommand(word, sign === '+')
    return this.commands.setCategory(word.slice(1), sign === '+') ? undefined : 'unknown'
  }

  private addKeys(rule: Buffer): Fault | undefined {
    if (this.allKeys) return 'after-all-keys'
    let at = 1
    let access = READ_AND_WRITE
    if (rule[0] !== TILDE) {
      access = 0
      for (; at < rule.length && rule[at] !== TILDE; at++) {
        const letter = String.fromCharCode(rule[at]).toUpperCase()
        const bit = letter === 'R' ? READ : letter === 'W' ? WRITE : 0
        if (bit === 0 || (access & bit) !== 0) return 'syntax'
        access |= bit
      }
      if (access === 0) return 'syntax'
      at = Math.min(at + 1, rule.length)
    }
    const bytes = Buffer.from(rule.subarray(at))
    if (hasSpaces(bytes)) return 'syntax'
    const known = this.keys.find((pattern) => pattern.bytes.equals(bytes))
    if (known === undefined) this.keys = [...this.keys, { bytes, glob: new Glob(bytes), access }]
    else this.keys = this.keys.map((each) => (each === known ? { ...each, access: each.access | access } : each))
    return undefined
  }

  private addChannels(pattern: Buffer): Fault | undefined {
    if (this.allChannels) return 'after-all-channels'
    if (hasSpaces(pattern)) return 'syntax'
    if (this.channels.some(({ bytes }) => bytes.equals(pattern))) return undefined
    const bytes = Buffer.from(pattern)
    this.channels = [...this.channels, { bytes, glob: new Glob(bytes) }]
    return undefined
  }

  /** As rules, see `CommandRights.describe`. */
  describe(): Buffer {
    const keys = this.allKeys ? '~*' : this.describeKeys()
    const channels = this.allChannels ? '&*' : ['resetchannels', this.describeChannels()].filter(Boolean).join(' ')
    return Buffer.from([keys, channels, this.commands.describe()].filter(Boolean).join(' '), 'latin1')
  }

  /** `~a %R~b`, in latin1. */
  describeKeys(): string {
    if (this.allKeys) return '~*'
    return this.keys.map(({ bytes, access }) => `${SIGNS[access]}~${bytes.toString('latin1')}`).join(' ')
  }

  describeChannels(): string {
    return this.allChannels ? '&*' : this.channels.map(({ bytes }) => `&${bytes.toString('latin1')}`).join(' ')
  }
}

const SIGNS: Readonly<Record<number, string>> = { [READ_AND_WRITE]: '', [READ]: '%R', [WRITE]: '%W' }

function isStar(bytes: Buffer): boolean {
  return bytes.length === 1 && bytes[0] === 0x2a
}

/** Neither names nor patterns have any, so that rules can be written in a line [Redis acl.c ACLStringHasSpaces]. */
export function hasSpaces(bytes: Buffer): boolean {
  return bytes.some((byte) => byte === 0 || byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))
}

/** As a C string in latin1. */
export function textOf(bytes: Buffer): string {
  const nul = bytes.indexOf(0)
  return bytes.toString('latin1', 0, nul < 0 ? bytes.length : nul)
}
