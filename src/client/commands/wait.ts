import type { Router } from '../../order/router.js'
import { error, type Reply } from '../../resp/encode.js'
import type { Connection } from '../connection.js'
import type { Server } from '../server.js'
import { NOT_AN_INTEGER, parseInt64 } from './arguments.js'

/**
 * WAIT numreplicas timeout [Redis replication.c waitCommand]. A write is acknowledged when every replica has it, so
 * there is never anything to wait for: the answer is the number of backups that acknowledged writes are sure to have,
 * those that are up where the fewest are.
 */
export function wait(_client: Connection, args: readonly Buffer[], { order }: Pick<Server, 'order'>): Reply {
  if (parseInt64(args[1]) === undefined) return NOT_AN_INTEGER
  const timeout = parseInt64(args[2])
  if (timeout === undefined) return error('ERR timeout is not an integer or out of range')
  if (timeout < 0n) return error('ERR timeout is negative')
  return backupsUp(order.router)
}

function backupsUp({ routes }: Router): number {
  return Math.min(...routes.map(({ natural }) => natural.slice(1).filter((link) => link.serving).length))
}
