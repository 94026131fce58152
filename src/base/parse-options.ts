import { type ParseArgsConfig, parseArgs } from 'node:util'
import { UsageError } from './user-error.js'

/**
 * `parseArgs` of Node, strict.
 *
 * @throws UsageError with the first sentence of Node's message; what follows it is advice that does not fit
 */
export function parseOptions<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config)
  } catch (error) {
    const [sentence] = (error as Error).message.split(/\. |\n/)
    throw new UsageError(sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, ''))
  }
}
