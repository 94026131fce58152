import { type Link, LinkLostError } from '../backend/link.js'
import type { Logger } from '../base/log.js'
import { parseCommandReply } from '../command/parse-info.js'
import { learn } from '../command/table.js'
import { isError } from '../resp/encode.js'

/** Kinds of servers that were asked already: version and number of commands. */
const asked = new Set<string>()

/**
 * Learns the commands of a server that the table does not know, those of a newer Redis or of its modules
 * [design §5 Command table]: from then on clients may use them.
 */
export async function learnCommands(link: Link, log: Logger): Promise<void> {
  try {
    const count = await link.call(['COMMAND', 'COUNT'])
    const kind = `${link.info?.version} ${String(count)}`
    if (isError(count) || asked.has(kind)) return
    asked.add(kind)
    const reply = await link.call(['COMMAND'])
    if (isError(reply)) return
    const names = learn(parseCommandReply(reply))
    if (names.length > 0) log.info({ member: link.name, commands: names }, 'learnt commands that only the servers know')
  } catch (error) {
    // The link broke: its next handshake asks again.
    if (!(error instanceof LinkLostError)) throw error
  }
}
