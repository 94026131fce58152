import { hasBlockOption, sortReadsPatterns } from '../command/keys.js'
import type { CommandRow } from '../command/row.js'
import type { Frame } from '../resp/frame.js'

/**
 * Commands that are served in some of their forms only. What is refused here would block the link, or read keys that are
 * not named.
 *
 * @returns what to tell the user behind `is not supported yet by this proxy`, or undefined when it can be served
 */
export function refusedForm(row: CommandRow, frame: Frame): string | undefined {
  switch (row.name) {
    case 'sort':
    case 'sort_ro':
      return sortReadsPatterns(frame) ? ' with BY or GET patterns' : undefined
    case 'xread':
    case 'xreadgroup':
      return hasBlockOption(frame) ? ' with BLOCK' : undefined
    default:
      return undefined
  }
}
