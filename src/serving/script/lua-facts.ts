import { plainText, type Token, tokensOf } from './lua-tokens.js'

/** What can be said of a script without running it. */
export interface LuaFacts {
  /** All names in it. */
  readonly names: ReadonlySet<string>
  /** What it calls `redis.call` or `redis.pcall` with right behind the bracket, as far as these are plain texts. */
  readonly commands: ReadonlySet<string>
  /** The fields of `redis` that it uses, when it does nothing else with `redis` than to use some; else undefined. */
  readonly fields: ReadonlySet<string> | undefined
  /** All plain texts: those that are names of commands are perhaps called by another name of `redis.call`. */
  readonly texts: ReadonlySet<string>
  /** Whether all names of commands are such texts. */
  readonly isLiteral: boolean
  /**
   * Whether it can touch no other keys than those that were declared: every command is a text, and its keys are given as `KEYS[…]`, or
   * as locals that are nothing else.
   */
  readonly staysInside: boolean
  /** When it stays inside, and the places in `KEYS[…]` are numbers: those of its commands' keys, the first one is 0. */
  readonly keyPlaces: ReadonlySet<number> | undefined
  /**
   * Where brackets are to be put in: `return redis.call(…)` becomes `return (redis.call(…))`, because the frame of a function that
   * ends with the call of another Lua function is gone while that runs, and with it the line that an error has to name.
   */
  readonly brackets: readonly { readonly open: number; readonly close: number }[]
}

/** Where the keys of a command are: its first argument is the only one, or all are; undefined for others. */
export type KeysIn = (command: string) => 'first' | 'all' | undefined

const CALLS: ReadonlySet<string> = new Set(['call', 'pcall'])
/** What lets a script get at what it does not name, or run what is not in its source. */
const HIDING: readonly string[] = ['load', 'loadstring', '_G']
/** A function has at most 200 parameters [Lua 5.1 LUAI_MAXVARS]. */
const PARAMETER_TOKENS_MAX = 500
const BEHIND_STATEMENT: ReadonlySet<string> = new Set(['end', 'else', 'elseif', 'until', ';'])

export function factsOf(source: string, keysIn: KeysIn): LuaFacts {
  return new Reader(tokensOf(source), keysIn).facts()
}

class Reader {
  /** Locals that are a key, and the place in KEYS. */
  private readonly keys: ReadonlyMap<string, number>
  /** Of KEYS, those that commands name; NaN where that is not seen. */
  private readonly places = new Set<number>()
  /** By the place of a bracket that opens: that of the one that closes it, if there is one. */
  private readonly closes: number[]
  /** By place: that of the innermost bracket around it, and of the last `function` before it; -1 when there is none. */
  private readonly around: Int32Array
  private readonly functionBefore: Int32Array

  constructor(
    private readonly tokens: readonly Token[],
    private readonly keysIn: KeysIn,
  ) {
    this.closes = new Array<number>(tokens.length).fill(-1)
    this.around = new Int32Array(tokens.length)
    this.functionBefore = new Int32Array(tokens.length)
    this.readBrackets()
    this.keys = this.keyLocals()
  }

  facts(): LuaFacts {
    const { tokens } = this
    const names = new Set(tokens.filter(({ kind }) => kind === 'name').map(({ text }) => text))
    const texts = new Set(tokens.map(plainText).filter((text) => text !== undefined))
    const commands = new Set<string>()
    const fields = new Set<string>()
    const brackets: { open: number; close: number }[] = []
    let isPlain = true
    let isLiteral = true
    let staysInside = !HIDING.some((name) => names.has(name)) && this.keysAreRead()
    for (const [i, { kind, text }] of tokens.entries()) {
      if (kind !== 'name' || text !== 'redis' || this.is(i - 1, '.') || this.is(i - 1, ':')) continue
      const field = this.is(i + 1, '.') ? tokens[i + 2]?.text : undefined
      if (field === undefined || this.is(i + 3, '=')) {
        isPlain = false
        continue
      }
      fields.add(field)
      if (!CALLS.has(field)) continue
      const command = this.is(i + 3, '(') ? plainText(tokens[i + 4] ?? tokens[i]) : undefined
      if (command === undefined) isLiteral = false
      else commands.add(command)
      if (command === undefined || !this.isOnKeys(i + 5, this.keysIn(command))) staysInside = false
    }
    const callers = this.callers()
    for (const [i, { start, text }] of tokens.entries()) {
      const length = text === 'return' ? this.callerAt(i + 1, callers) : 0
      const close = length > 0 ? this.closing(i + 1 + length) : -1
      if (close < 0 || !(close + 1 === tokens.length || BEHIND_STATEMENT.has(tokens[close + 1].text))) continue
      brackets.push({ open: start + 'return'.length, close: tokens[close].end })
    }
    return {
      ...{ names, commands, texts, fields: isPlain ? fields : undefined, isLiteral: isLiteral && isPlain },
      ...{ staysInside: staysInside && isPlain, brackets },
      keyPlaces: staysInside && isPlain && !this.places.has(Number.NaN) ? this.places : undefined,
    }
  }

  /** Locals that are redis.call. */
  private callers(): ReadonlySet<string> {
    const { tokens } = this
    const callers = new Set<string>()
    for (const [i, { text }] of tokens.entries()) {
      if (text !== 'local' || !this.is(i + 2, '=') || !this.is(i + 3, 'redis') || !this.is(i + 4, '.')) continue
      if (CALLS.has(tokens[i + 5]?.text) && !this.is(i + 6, '(')) callers.add(tokens[i + 1].text)
    }
    return callers
  }

  /** How many tokens stand there that are redis.call, by itself or as a local, or what else raises errors of ours; 0 when none do. */
  private callerAt(i: number, locals: ReadonlySet<string>): number {
    const first = this.tokens[i]
    if (first === undefined || first.kind === 'string') return 0
    if (locals.has(first.text)) return 1
    const field = this.is(i, 'redis') && this.is(i + 1, '.') ? this.tokens[i + 2]?.text : undefined
    return field !== undefined && (CALLS.has(field) || field === 'acl_check_cmd') ? 3 : 0
  }

  /** Whether KEYS is nowhere changed, nor given to others, who might. */
  private keysAreRead(): boolean {
    return this.tokens.every((token, i) => {
      if (token.text !== 'KEYS' || token.kind !== 'name') return true
      if (this.is(i - 1, '#')) return true
      if (!this.is(i + 1, '[') || this.is(i - 1, '.')) return false
      const close = this.closing(i + 1)
      if (close < 0 || this.is(close + 1, '=')) return false
      return !this.is(close + 1, ',') || this.is(i - 1, '=') || this.isInBrackets(i)
    })
  }

  /** Whether it stands in brackets, where nothing is assigned to; the body of a function that is written there is none. */
  private isInBrackets(i: number): boolean {
    return this.around[i] > this.functionBefore[i]
  }

  /** Locals that are made once, of `KEYS[…]`, and never anything else. */
  private keyLocals(): ReadonlyMap<string, number> {
    const { tokens } = this
    const found = new Map<string, number>()
    const spoilt = new Set<string>()
    for (const [i, { text, kind }] of tokens.entries()) {
      if (kind !== 'name') continue
      if (text === 'local' && this.is(i + 2, '=') && this.is(i + 3, 'KEYS') && this.is(i + 4, '[')) {
        const close = this.closing(i + 4)
        const name = tokens[i + 1].text
        const behind = tokens[close + 1]
        // It is all of the value, when a statement begins behind it.
        if (
          close > 0 &&
          (behind === undefined || behind.text === ';' || (behind.kind === 'name' && !OPERATORS.has(behind.text)))
        ) {
          if (found.has(name)) spoilt.add(name)
          found.set(name, i + 1)
        }
      }
    }
    for (const [i, { text, kind }] of tokens.entries()) {
      if (kind !== 'name' || !found.has(text) || found.get(text) === i || this.is(i - 1, '.')) continue
      const isRead = this.isInBrackets(i) && !this.isParameter(i) && !this.is(i + 1, '=')
      if (!isRead) spoilt.add(text)
    }
    const kept = [...found].filter(([name]) => !spoilt.has(name))
    return new Map(kept.map(([name, i]) => [name, this.placeBehind(i + 3)]))
  }

  /** The place that stands in brackets behind `KEYS`, counted from 0; NaN when it is no number. */
  private placeBehind(open: number): number {
    const { kind, text } = this.tokens[open + 1]
    const isPlace = kind === 'number' && /^[1-9]\d{0,8}$/.test(text) && this.is(open + 2, ']')
    return isPlace ? Number(text) - 1 : Number.NaN
  }

  private isParameter(i: number): boolean {
    let k = i - 1
    const last = i - PARAMETER_TOKENS_MAX
    while (k >= 0 && k > last && (this.is(k, ',') || this.tokens[k].kind === 'name')) k--
    if (!this.is(k, '(')) return false
    const first = k - PARAMETER_TOKENS_MAX
    for (k--; k >= 0 && (this.tokens[k].kind === 'name' || this.is(k, '.') || this.is(k, ':')); k--) {
      if (k < first || this.is(k, 'function')) return true
    }
    return false
  }

  /** Whether the first argument, or all that stand there, are of KEYS. */
  private isOnKeys(i: number, where: ReturnType<KeysIn>): boolean {
    if (where === undefined) return false
    let end = this.behindKey(i)
    while (where === 'all' && end > 0 && this.is(end, ',')) end = this.behindKey(end)
    return end > 0
  }

  /** The place behind `, KEYS[…]` or `, key`, when that is all of an argument; else -1. */
  private behindKey(i: number): number {
    if (!this.is(i, ',')) return -1
    const isOfKeys = this.is(i + 1, 'KEYS') && this.is(i + 2, '[')
    const token = this.tokens[i + 1]
    if (!isOfKeys && !(token?.kind === 'name' && this.keys.has(token.text))) return -1
    const end = isOfKeys ? this.closing(i + 2) + 1 : i + 2
    this.places.add(isOfKeys ? this.placeBehind(i + 2) : this.keys.get(token.text)!)
    return this.is(end, ',') || this.is(end, ')') ? end : -1
  }

  /** The place of what closes the bracket at `open`; -1 when there is none. */
  private closing(open: number): number {
    return this.closes[open] ?? -1
  }

  /** Looks at all brackets once: what a client sends may have any number of them. */
  private readBrackets(): void {
    const { tokens, closes, around, functionBefore } = this
    const open: number[] = []
    let lastFunction = -1
    for (const [i, { kind, text }] of tokens.entries()) {
      const closesOne = kind === 'symbol' && (text === ')' || text === ']' || text === '}')
      if (closesOne && open.length > 0) closes[open.pop()!] = i
      around[i] = open.at(-1) ?? -1
      functionBefore[i] = lastFunction
      if (kind === 'name' && text === 'function') lastFunction = i
      if (kind === 'symbol' && (text === '(' || text === '[' || text === '{')) open.push(i)
    }
  }

  private is(i: number, text: string): boolean {
    const token = this.tokens[i]
    return token !== undefined && token.kind !== 'string' && token.text === text
  }
}

const OPERATORS: ReadonlySet<string> = new Set(['and', 'or'])
