import { hasBlockOption, sortReadsPatterns } from '../command/keys.js'
import type { CommandRow } from '../command/row.js'
import type { Frame } from '../resp/frame.js'

/**
 * Commands that are served in some of their forms only. What is refused here would block the link, read keys that
 * are not named, or give replicas different values.
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
    case 'xadd':
      return choosesId(frame) ? ' with an id that the server chooses; give it as <milliseconds>-*' : undefined
    default:
      return undefined
  }
}

/** XADD key [NOMKSTREAM] [MAXLEN|MINID [=|~] n [LIMIT n]] id …: whether the id is `*` [Redis t_stream.c streamParseAddOrTrimArgsOrReply]. */
function choosesId(frame: Frame): boolean {
  let i = 2
  while (i < frame.argc) {
    const option = upper(frame, i)
    if (option === 'NOMKSTREAM') i++
    else if (option === 'LIMIT') i += 2
    else if (option === 'MAXLEN' || option === 'MINID') {
      const next = upper(frame, i + 1)
      i += next === '=' || next === '~' ? 3 : 2
    } else break
  }
  return upper(frame, i) === '*'
}

function upper(frame: Frame, i: number): string {
  if (i >= frame.argc || frame.argEnd[i] - frame.argStart[i] > 16) return ''
  return frame.buf.latin1Slice(frame.argStart[i], frame.argEnd[i]).toUpperCase()
}
