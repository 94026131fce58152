import { assert } from '../base/assert.js'
import type { CommandInfo } from '../command/command-info.js'
import { COMMANDS } from '../command/commands.generated.js'
import { NEWER_OF_CLIENT } from '../command/own-commands.js'
import { allInfos, infoNamed, learntSubcommandInfos, rowNamed, rowsCount } from '../command/table.js'

/** The categories of commands in Redis's order [Redis acl.c ACLCommandCategories]. */
export const CATEGORIES: readonly string[] = [
  ...['keyspace', 'read', 'write', 'set', 'sortedset', 'list', 'hash', 'string', 'bitmap', 'hyperloglog', 'geo'],
  ...['stream', 'pubsub', 'admin', 'fast', 'slow', 'blocking', 'dangerous', 'connection', 'transaction', 'scripting'],
]

/** How a rule about commands names them: one with its subcommands, or a category. */
export type CommandFault = 'unknown' | 'syntax' | 'argument-of-subcommand'

interface Parts {
  readonly byDefault: boolean
  readonly exceptions: ReadonlySet<string>
  readonly firstArguments: ReadonlyMap<string, readonly string[]>
}

/** One that was given, without its sign. */
interface Rule {
  readonly kind: 'category' | 'command'
  readonly word: string
  readonly may: boolean
}

/**
 * Which commands somebody may execute: all or none, but for exceptions [Redis acl.c ACLSelectorCanExecuteFutureCommands]. By full names,
 * as rows have them. To the servers a command is not new that is learnt, so rules that were given before count for it as well.
 */
export class CommandRights {
  private byDefault = false
  private readonly exceptions = new Set<string>()
  /** First arguments with which a command may be executed that may not be otherwise. */
  private readonly firstArguments = new Map<string, string[]>()
  /** What was said since all or none were allowed; of the same words the last time counts. */
  private rules: readonly Rule[] = []
  /** How many rows there were when these were applied. */
  private rowsKnown = rowsCount()

  copy(): CommandRights {
    const copy = new CommandRights()
    copy.rules = this.rules
    copy.rowsKnown = this.rowsKnown
    copy.byDefault = this.byDefault
    for (const name of this.exceptions) copy.exceptions.add(name)
    for (const [name, args] of this.firstArguments) copy.firstArguments.set(name, [...args])
    return copy
  }

  /** What it is made of: see `exceptions`. */
  get parts(): Parts {
    this.catchUp()
    const { byDefault, exceptions, firstArguments } = this
    return { byDefault, exceptions, firstArguments }
  }

  get areAll(): boolean {
    return this.byDefault && this.exceptions.size === 0
  }

  allows(name: string): boolean {
    if (this.rowsKnown !== rowsCount()) this.catchUp()
    return this.byDefault !== this.exceptions.has(name)
  }

  /** @param argument in lower case */
  allowsWith(name: string, argument: string): boolean {
    return this.firstArguments.get(name)?.some((allowed) => allowed.toLowerCase() === argument) === true
  }

  hasFirstArguments(name: string): boolean {
    return this.firstArguments.has(name)
  }

  /** `+@all`, `-@all`. */
  setAll(may: boolean): void {
    this.byDefault = may
    this.exceptions.clear()
    this.firstArguments.clear()
    this.rules = []
  }

  /** All rules once more, if commands were learnt since. */
  private catchUp(): void {
    if (this.rowsKnown === rowsCount()) return
    this.rowsKnown = rowsCount()
    const { rules } = this
    this.setAll(this.byDefault)
    for (const { kind, word, may } of rules) {
      if (kind === 'category') this.setCategory(word, may)
      else this.setCommand(word, may)
    }
  }

  private note(rule: Rule): void {
    this.rules = [...this.rules.filter(({ kind, word }) => kind !== rule.kind || word !== rule.word), rule]
  }

  /** `+get`, `-config`, `+client|list`. @param rule what stands behind the sign */
  setCommand(rule: string, may: boolean): CommandFault | undefined {
    const bar = may ? rule.lastIndexOf('|') : -1
    if (bar < 0) return this.setNamed(rule.toLowerCase(), may)
    const container = rowNamed(rule.slice(0, bar).toLowerCase())
    if (container === undefined) return 'unknown'
    if (container.name.includes('|')) return 'argument-of-subcommand'
    const word = rule.slice(bar + 1)
    if (word === '') return 'syntax'
    if (container.subcommands !== undefined) return this.setNamed(rule.toLowerCase(), may)
    this.allowWith(container.name, word)
    this.note({ kind: 'command', word: rule, may })
    return undefined
  }

  /** `+@read`, `-@dangerous`; false when there is no such category. */
  setCategory(category: string, may: boolean): boolean {
    const word = category.toLowerCase()
    if (!CATEGORIES.includes(word)) return false
    this.note({ kind: 'category', word, may })
    for (const info of allInfos()) {
      if (info.flags.includes('module')) continue
      if (isOf(info, word)) this.change(info.name, may)
      else for (const sub of subcommandsOf(info)) if (isOf(sub, word)) this.change(sub.name, may)
    }
    return true
  }

  /**
   * The rules that make it from nothing. Redis 7.0 does not keep those that were given, but looks for the categories that come nearest
   * and adds what is left [Redis acl.c ACLDescribeSelectorCommandRules].
   */
  describe(): string {
    this.catchUp()
    const may = !this.byDefault
    const made = new CommandRights()
    made.setAll(this.byDefault)
    const rest = this.copy()
    const rules = [this.byDefault ? '+@all' : '-@all']
    const left = new Set(CATEGORIES)
    for (;;) {
      const best = bestCategory(rest, left, may)
      if (best === undefined) break
      left.delete(best)
      made.setCategory(best, may)
      rest.setCategory(best, !may)
      rules.push(`${may ? '+' : '-'}@${best}`)
    }
    for (const info of allInfos()) {
      this.describeOne(info.name, made, rules)
      for (const { name } of subcommandsOf(info)) this.describeOne(name, made, rules)
      if (this.allows(info.name)) continue
      for (const argument of this.firstArguments.get(info.name) ?? []) rules.push(`+${info.name}|${argument}`)
    }
    assert(
      [...this.exceptions].every((name) => made.allows(name) === this.allows(name)),
      'rules make what they describe',
    )
    return rules.join(' ')
  }

  private describeOne(name: string, made: CommandRights, rules: string[]): void {
    const may = this.allows(name)
    if (made.allows(name) === may) return
    rules.push(`${may ? '+' : '-'}${name}`)
    made.change(name, may)
  }

  private setNamed(name: string, may: boolean): CommandFault | undefined {
    if (rowNamed(name) === undefined) return 'unknown'
    this.note({ kind: 'command', word: name, may })
    this.change(name, may)
    return undefined
  }

  private change(name: string, may: boolean): void {
    this.changeOne(name, may)
    this.firstArguments.delete(name)
    for (const sub of rowNamed(name)?.subcommands?.values() ?? []) this.changeOne(sub.name, may)
    for (const sub of learntSubcommandsOf(name)) this.changeOne(sub.name, may)
  }

  private changeOne(name: string, may: boolean): void {
    if (may === this.byDefault) this.exceptions.delete(name)
    else this.exceptions.add(name)
  }

  private allowWith(name: string, argument: string): void {
    const args = this.firstArguments.get(name) ?? []
    const isNew = args.every((known) => known.toLowerCase() !== argument.toLowerCase())
    if (isNew) args.push(argument)
    this.firstArguments.set(name, args)
  }
}

/** The names of the commands of a category; undefined when there is no such. */
export function commandsOf(category: string): string[] | undefined {
  const word = category.toLowerCase()
  if (!CATEGORIES.includes(word)) return undefined
  return allInfos()
    .filter(({ flags }) => !flags.includes('module'))
    .flatMap((info) =>
      [info, ...info.subcommands, ...learntSubcommandsOf(info.name)]
        .filter((each) => isOf(each, word))
        .map(({ name }) => name),
    )
}

/** Some of newer servers are served, though the table's COMMAND does not show them. */
function subcommandsOf(info: CommandInfo): readonly CommandInfo[] {
  const known = info.name === 'client' ? [...info.subcommands, ...NEWER_OF_CLIENT] : info.subcommands
  return [...known, ...learntSubcommandsOf(info.name)]
}

function learntSubcommandsOf(name: string): readonly CommandInfo[] {
  return learntSubcommandInfos().filter((sub) => sub.name.startsWith(`${name}|`))
}

function isOf({ categories }: CommandInfo, category: string): boolean {
  return categories.includes(`@${category}`)
}

/** Which of the categories that are left has most in common with what is to be described; by the commands that Redis has. */
function bestCategory(rest: CommandRights, left: ReadonlySet<string>, may: boolean): string | undefined {
  let best: string | undefined
  let fewest = Number.POSITIVE_INFINITY
  let most = 0
  for (const category of left) {
    let same = 0
    let different = 0
    for (const name of redisCommandsOf(category)) {
      if (rest.allows(name) === may) same++
      else different++
    }
    if (same <= different || different > fewest || (different === fewest && same <= most)) continue
    best = category
    fewest = different
    most = same
  }
  return best
}

const redisCommands = new Map<string, readonly string[]>()

function redisCommandsOf(category: string): readonly string[] {
  let names = redisCommands.get(category)
  if (names === undefined) {
    const all = COMMANDS.flatMap((info) => [info, ...info.subcommands])
    names = all.filter((info) => isOf(info, category)).map(({ name }) => name)
    redisCommands.set(category, names)
  }
  return names
}

/** What COMMAND says of a command, the hidden ones included. */
export function infoOf(name: string): CommandInfo | undefined {
  const isIt = (info: CommandInfo) => info.name === name
  return infoNamed(name) ?? NEWER_OF_CLIENT.find(isIt) ?? learntSubcommandInfos().find(isIt)
}
