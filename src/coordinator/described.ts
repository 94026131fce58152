import type { Link } from '../backend/link.js'
import { nameOfKind } from '../backend/server-kind.js'
import type { Description } from '../command/introspection.js'
import { parseCommandReply } from '../command/parse-info.js'
import { isError, type Reply } from '../resp/encode.js'

/** What kinds of servers have said. */
const infosOf = new Map<string, Promise<Description['infos']>>()
const docsOf = new Map<string, Promise<Reply>>()

/**
 * What a server newer than the table says of its commands, for COMMAND. It is asked when somebody wants to know, and once for each
 * kind of server: to read all of it takes some 40 ms.
 */
export async function described(link: Link, withDocs: boolean): Promise<Description> {
  const kind = link.info === undefined ? '' : [nameOfKind(link.info.kind), ...link.info.kind.modules].join(' ')
  const infos = await once(infosOf, kind, async () => parseCommandReply(await answerOf(link, ['COMMAND'])))
  const docs = withDocs ? await once(docsOf, kind, () => answerOf(link, ['COMMAND', 'DOCS'])) : null
  return { infos, docs }
}

function once<T>(known: Map<string, Promise<T>>, kind: string, ask: () => Promise<T>): Promise<T> {
  let answer = known.get(kind)
  if (answer === undefined) {
    answer = ask()
    known.set(kind, answer)
    answer.catch(() => known.delete(kind))
  }
  return answer
}

async function answerOf(link: Link, args: readonly string[]): Promise<Reply> {
  const reply = await link.call(args)
  if (isError(reply)) throw new Error(`${link.name} answers to ${args.join(' ')}: ${reply.message}`)
  return reply
}
