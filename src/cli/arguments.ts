import { type ParseArgsConfig, parseArgs } from 'node:util'
import { UserError } from '../base/user-error.js'

/** A mistake in the arguments, which usage explains. */
export class UsageError extends UserError {
  override name = 'UsageError'
}

/**
 * The words and options of a command, of which `words` names the words in their order.
 *
 * @throws UsageError when there are others
 */
export function parseWords<T extends NonNullable<ParseArgsConfig['options']>>(
  argv: string[],
  options: T,
  words: readonly string[] = [],
) {
  const parsed = parse(argv, options)
  const { positionals } = parsed
  if (positionals.length > words.length) throw new UsageError(`unexpected argument '${positionals[words.length]}'`)
  if (positionals.length < words.length) throw new UsageError(`${words[positionals.length]} is missing`)
  return parsed
}

function parse<T extends NonNullable<ParseArgsConfig['options']>>(args: string[], options: T) {
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    // Node's message goes on with advice that does not fit here.
    const [sentence] = (error as Error).message.split(/\. |\n/)
    throw new UsageError(sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, ''))
  }
}
