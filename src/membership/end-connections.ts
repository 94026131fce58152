import { type Call, inOrder, transaction } from '../backend/call.js'
import type { Logger } from '../base/log.js'
import type { ProxyConnection } from './rivals.js'

/** Kills connections of proxies on a server, in one transaction with what is to be noted there, if anything is. */
export async function endConnections(
  { log, run }: { readonly log: Logger; readonly run: string },
  name: string,
  connections: readonly ProxyConnection[],
  call: Call,
  marks: readonly string[][] = [],
): Promise<void> {
  for (const { address, run: other } of connections) {
    const about = { member: name, address }
    if (other === run) {
      log.info({ event: 'own-connection-ended', ...about }, `an earlier connection of ours to ${name} is ended there`)
    } else {
      log.warn(
        { event: 'other-connection-ended', ...about, run: other },
        `a connection of another proxy to ${name} is ended`,
      )
    }
  }
  const kills = connections.map(({ id }) => ['CLIENT', 'KILL', 'ID', String(id)])
  await (marks.length === 0 ? inOrder(call, kills) : transaction(call, [...marks, ...kills]))
}
