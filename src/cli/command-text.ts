/** What is said of a command of `dt`: the help, completions and the manual page are made of it. */
export interface CommandText {
  readonly name: string
  readonly summary: string
  /** `Usage: dt …`, an explanation, and a line `  --option VALUE  what it does` for each option. */
  readonly usage: string
}

/** What the commands of dt exit with. */
export const EXIT_CODES: readonly (readonly [code: number, meaning: string])[] = [
  [0, 'it was done, and nothing is wrong'],
  [1, 'it could not be done, or something is wrong: the output says what'],
  [2, 'the command line is wrong, and nothing was done'],
]

/** One option, as a usage explains it. */
export interface OptionText {
  /** `--port` */
  readonly name: string
  /** What follows it: `PORT`. */
  readonly value: string | undefined
  /** The first line of its explanation. */
  readonly text: string
}

/** The options that a usage explains. */
export function optionsIn({ usage }: CommandText): OptionText[] {
  const lines = usage.matchAll(/^ {2}(--[a-z-]+)(?: ([A-Z][A-Z:]*))? +(\S.*)$/gm)
  return [...lines].map(([, name, value, text]) => ({ name, value, text }))
}

/** The words of which one comes behind the command: `add`, `remove` and `upgrade` of `dt plan`. */
export function wordsIn({ name, usage }: CommandText): string[] {
  const lines = usage.matchAll(new RegExp(`^(?:Usage: | {7})dt ${name} ([a-z|]+)(?=\\s)`, 'gm'))
  return [...new Set([...lines].flatMap(([, words]) => words.split('|')))]
}
