import { UserError } from '../base/user-error.js'
import { bytesOf, elementsOf, fieldOf } from '../resp/decode.js'
import { isError } from '../resp/encode.js'
import type { Conversation } from './conversation.js'
import type { Node } from './node.js'
import type { Tally } from './tally.js'

/**
 * Copies the libraries of functions, which Redis has from 7.0 on. One that the ring has with another text is left, unless it is to be
 * replaced.
 *
 * @throws UserError when the ring does not take one
 */
export async function copyLibraries(
  { server }: Node,
  ring: Conversation,
  replace: boolean,
  tally: Tally,
): Promise<void> {
  const theirs = await librariesOf(server)
  if (theirs.size === 0) return
  const ours = await librariesOf(ring)
  for (const [name, code] of theirs) {
    const other = ours.get(name)
    if (other?.equals(code)) continue
    if (other !== undefined && !replace) {
      tally.libraryConflicts.push(name)
      continue
    }
    const reply = await ring.one('FUNCTION', 'LOAD', ...(replace ? ['REPLACE'] : []), code)
    if (isError(reply)) throw new UserError(`the ring does not take the library ${name}: ${reply.message}`)
    tally.libraries++
  }
}

/** Their texts by name; none of a server that has no functions, or does not let us see them. */
async function librariesOf(server: Conversation): Promise<Map<string, Buffer>> {
  const reply = await server.one('FUNCTION', 'LIST', 'WITHCODE')
  const all = isError(reply) ? [] : (elementsOf(reply) ?? [])
  return new Map(
    all.flatMap((library): [string, Buffer][] => {
      const [name, code] = ['library_name', 'library_code'].map((field) => bytesOf(fieldOf(library, field) ?? null))
      return name === undefined || code === undefined ? [] : [[name.toString(), code]]
    }),
  )
}
