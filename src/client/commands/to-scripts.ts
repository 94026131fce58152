import { rowNamed } from '../../command/table.js'
import { encodeReply } from '../../resp/encode.js'
import { frameOf } from '../../resp/frame.js'
import type { Connection } from '../connection.js'
import { noteRefusedInScript } from '../rules.js'
import type { Server } from '../server.js'
import { tooManyWords } from '../transaction.js'
import { channelsReply } from './channels.js'
import { localCommands } from './index.js'
import { NO_REPLY } from './local-command.js'

/** None of the commands that scripts may ask for looks at who asks. */
const NOBODY = undefined as unknown as Connection

/** Scripts can ask from now on, and what they are refused is in ACL LOG. */
export function serveScripts(server: Server): void {
  const { runs } = server.coordinator.scripts
  runs.tell = (name, words) => tellScript(server, name, words)
  runs.refused = (queue, user, refused) => noteRefusedInScript(server, queue, user, refused)
}

/** What the proxy tells scripts of itself and of all servers, as a client is told with RESP2 (`name` is that of a row). */
async function tellScript(server: Server, name: string, words: readonly Buffer[]): Promise<Buffer> {
  const row = rowNamed(name)!
  const frame = frameOf(words)
  const tooMany = tooManyWords(frame, row)
  if (tooMany !== undefined) return encodeReply(tooMany, 2)
  if (row.route === 'channels') return channelsReply(server, NOBODY, frame, row, 2)
  const reply = await localCommands.get(row.name)!(NOBODY, words, server)
  return encodeReply(reply === NO_REPLY ? null : reply, 2)
}
