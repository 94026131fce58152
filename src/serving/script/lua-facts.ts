import { plainText, type Token, tokensOf } from './lua-tokens.js'

/** What can be said of a script without running it. */
export interface LuaFacts {
  /** All names in it. */
  readonly names: ReadonlySet<string>
  /** What it calls `redis.call` or `redis.pcall` with right behind the bracket, as far as these are plain texts. */
  readonly commands: ReadonlySet<string>
  /** The fields of `redis` that it uses, when it does nothing else with `redis` than to use some; else undefined. */
  readonly fields: ReadonlySet<string> | undefined
  /**
   * Whether it can touch no other keys than those that were declared: every command is a text, and of one key, which is given as
   * `KEYS[…]`, or as a local that is nothing else.
   */
  readonly staysInside: boolean
  /**
   * Where brackets are to be put in: `return redis.call(…)` becomes `return (redis.call(…))`, because the frame of a function that
   * ends with the call of another Lua function is gone while that runs, and with it the line that an error has to name.
   */
  readonly brackets: readonly { readonly open: number; readonly close: number }[]
}

/** Whether the key of a command is its first argument, and the only one. */
export type IsOfOneKey = (command: string) => boolean

const CALLS: ReadonlySet<string> = new Set(['call', 'pcall'])
/** What lets a script get at what it does not name, or run what is not in its source. */
const HIDING: readonly string[] = ['load', 'loadstring', '_G']
const BEHIND_STATEMENT: ReadonlySet<string> = new Set(['end', 'else', 'elseif', 'until', ';'])

export function factsOf(source: string, isOfOneKey: IsOfOneKey): LuaFacts {
  return new Reader(tokensOf(source), isOfOneKey).facts()
}

class Reader {
  private readonly keys: ReadonlySet<string>

  constructor(
    private readonly tokens: readonly Token[],
    private readonly isOfOneKey: IsOfOneKey,
  ) {
    this.keys = this.keyLocals()
  }

  facts(): LuaFacts {
    const { tokens } = this
    const names = new Set(tokens.filter(({ kind }) => kind === 'name').map(({ text }) => text))
    const commands = new Set<string>()
    const fields = new Set<string>()
    const brackets: { open: number; close: number }[] = []
    let isPlain = true
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
      if (command !== undefined) commands.add(command)
      if (command === undefined || !this.isOfOneKey(command) || !this.isOnKey(i + 5)) staysInside = false
    }
    for (const call of this.callers()) {
      for (const [i, { start }] of tokens.entries()) {
        if (tokens[i].text !== 'return' || !call.every((text, k) => this.is(i + 1 + k, text))) continue
        const close = this.closing(i + 1 + call.length)
        if (close < 0 || !(close + 1 === tokens.length || BEHIND_STATEMENT.has(tokens[close + 1].text))) continue
        brackets.push({ open: start + 'return'.length, close: tokens[close].end })
      }
    }
    brackets.sort((a, b) => a.open - b.open)
    return { names, commands, fields: isPlain ? fields : undefined, staysInside: staysInside && isPlain, brackets }
  }

  /** The ways in which redis.call is spelled: by itself, and as a local that is one. */
  private callers(): string[][] {
    const { tokens } = this
    const callers = [...CALLS].map((call) => ['redis', '.', call])
    for (const [i, { text }] of tokens.entries()) {
      if (text !== 'local' || !this.is(i + 2, '=') || !this.is(i + 3, 'redis') || !this.is(i + 4, '.')) continue
      if (CALLS.has(tokens[i + 5]?.text) && !this.is(i + 6, '(')) callers.push([tokens[i + 1].text])
    }
    return callers
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

  /** Whether it stands in brackets, where nothing is assigned to. */
  private isInBrackets(i: number): boolean {
    let depth = 0
    for (let k = i - 1; k >= 0; k--) {
      const { text, kind } = this.tokens[k]
      if (kind === 'name' && text === 'function') return false
      if (kind !== 'symbol') continue
      if (text === ')' || text === '}' || text === ']') depth++
      else if ((text === '(' || text === '{') && --depth < 0) return true
      else if (text === '[') depth--
    }
    return false
  }

  /** Locals that are made once, of `KEYS[…]`, and never anything else. */
  private keyLocals(): ReadonlySet<string> {
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
    return new Set([...found.keys()].filter((name) => !spoilt.has(name)))
  }

  private isParameter(i: number): boolean {
    let k = i - 1
    while (k >= 0 && (this.is(k, ',') || this.tokens[k].kind === 'name')) k--
    if (!this.is(k, '(')) return false
    for (k--; k >= 0 && (this.tokens[k].kind === 'name' || this.is(k, '.') || this.is(k, ':')); k--) {
      if (this.is(k, 'function')) return true
    }
    return false
  }

  /** Whether `, KEYS[…]` or `, key` stands there, and all of an argument. */
  private isOnKey(i: number): boolean {
    if (!this.is(i, ',')) return false
    const isEnd = (at: number) => this.is(at, ',') || this.is(at, ')')
    if (this.is(i + 1, 'KEYS') && this.is(i + 2, '[')) return isEnd(this.closing(i + 2) + 1)
    return this.keys.has(this.tokens[i + 1]?.text ?? '') && this.tokens[i + 1].kind === 'name' && isEnd(i + 2)
  }

  /** The place of what closes the bracket at `open`; -1 when there is none. */
  private closing(open: number): number {
    let depth = 0
    for (let i = open; i < this.tokens.length; i++) {
      const { kind, text } = this.tokens[i]
      if (kind !== 'symbol') continue
      if (text === '(' || text === '[' || text === '{') depth++
      else if ((text === ')' || text === ']' || text === '}') && --depth === 0) return i
    }
    return -1
  }

  private is(i: number, text: string): boolean {
    const token = this.tokens[i]
    return token !== undefined && token.kind !== 'string' && token.text === text
  }
}

const OPERATORS: ReadonlySet<string> = new Set(['and', 'or'])
