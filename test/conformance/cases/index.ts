import type { Cases } from '../script.js'
import { aclCases } from './acl.js'
import { bitmapCases } from './bitmaps.js'
import { blockingCases } from './blocking.js'
import { channelCases } from './channels.js'
import { connectionCases } from './connections.js'
import { functionCases } from './functions.js'
import { geoCases } from './geo.js'
import { hashCases } from './hashes.js'
import { keyCases } from './keys.js'
import { keyspaceCases } from './keyspace.js'
import { listCases } from './lists.js'
import { scriptCases } from './scripts.js'
import { serverCases } from './servers.js'
import { setCases } from './sets.js'
import { sortedSetAlgebraCases } from './sorted-set-algebra.js'
import { sortedSetCases } from './sorted-sets.js'
import { streamCases } from './streams.js'
import { stringCases } from './strings.js'
import { transactionCases } from './transactions.js'

/** A script for every supported command of Redis, by the name of its row. */
export const cases: Cases = {
  ...stringCases,
  ...bitmapCases,
  ...blockingCases,
  ...keyCases,
  ...keyspaceCases,
  ...listCases,
  ...hashCases,
  ...setCases,
  ...sortedSetCases,
  ...sortedSetAlgebraCases,
  ...geoCases,
  ...streamCases,
  ...connectionCases,
  ...channelCases,
  ...scriptCases,
  ...functionCases,
  ...serverCases,
  ...aclCases,
  ...transactionCases,
}
