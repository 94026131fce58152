import type { CommandRow } from '../command/row.js'
import type { Reply } from '../resp/encode.js'
import type { Frame } from '../resp/frame.js'
import type { Connection } from './connection.js'
import { postpone } from './postpone.js'
import type { Server } from './server.js'
import type { Session } from './session.js'

/*
 * As long as it is not sure that no other proxy serves the ring, what only its owner may do waits: a message would reach nobody who listens
 * there, who waits would not hear of what is pushed there [membership/certainty.ts].
 */

/** What of the server is touched here. */
type Needs = Pick<Server, 'order' | 'pause' | 'stats'>

/** Whether a command waits until it is sure. Who listens or has a cache takes any answer for a sign that all was told to him before. */
export function isForOwners(session: Session, row: CommandRow): boolean {
  const { transaction } = session
  if (transaction === undefined) {
    return row.ownersOnly || session.subscriber !== undefined || session.caching !== undefined
  }
  if (row.behindMulti !== 'executes') return false
  if (session.caching !== undefined || session.subscriber !== undefined) return true
  for (const { row } of transaction.queued) if (row.ownersOnly) return true
  return false
}

/** Serves it when it is sure, or refuses it. */
export function whenSure(server: Needs, client: Connection, frame: Frame, row: CommandRow): void {
  const resume = postpone(client)
  void server.order.opening.whenSure().then((refusal) =>
    resume(() => {
      if (refusal === undefined) server.pause.serve(client, frame, row)
      else refuse(server, client, row, refusal)
    }),
  )
}

/** A command is not served, for this reason. */
export function refuse({ stats }: Pick<Server, 'stats'>, client: Connection, row: CommandRow, refusal: Reply): void {
  const { session } = client
  stats.rejectedCommands++
  if (row.behindMulti === 'executes') session.endTransaction()
  else session.abortTransaction()
  client.reply(refusal)
}
