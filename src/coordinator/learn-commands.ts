import { type Link, LinkLostError } from '../backend/link.js'
import { nameOfKind } from '../backend/server-kind.js'
import type { Logger } from '../base/log.js'
import { parseCommandReply } from '../command/parse-info.js'
import { learn, rowNamed } from '../command/table.js'
import { elementsOf, textOf } from '../resp/decode.js'
import { isError } from '../resp/encode.js'

/** Kinds of servers that were asked already: version and number of commands. */
const asked = new Set<string>()

/**
 * Learns the commands of a server that the table does not know, those of a newer Redis or of its modules
 * [design §5 Command table]: from then on clients may use them. It asks for names first: to read what a server says of
 * all its commands takes 40 ms, in which a proxy that starts would do nothing else.
 */
export async function learnCommands(link: Link, log: Logger): Promise<void> {
  try {
    const count = await link.call(['COMMAND', 'COUNT'])
    const kind = `${link.info === undefined ? '' : nameOfKind(link.info.kind)} ${String(count)}`
    if (isError(count) || asked.has(kind)) return
    asked.add(kind)
    const all = (elementsOf(await link.call(['COMMAND', 'LIST'])) ?? []).map((name) => textOf(name) ?? '')
    // What is behind a bar is a subcommand, told with its container.
    const unknown = all.filter((name) => !name.includes('|') && rowNamed(name.toLowerCase()) === undefined)
    if (unknown.length === 0) return
    const reply = await link.call(['COMMAND', 'INFO', ...unknown])
    if (isError(reply)) return
    const names = learn(parseCommandReply(reply))
    if (names.length > 0) log.info({ member: link.name, commands: names }, 'learnt commands that only the servers know')
  } catch (error) {
    // The link broke: its next handshake asks again.
    if (!(error instanceof LinkLostError)) throw error
  }
}
