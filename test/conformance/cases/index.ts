import type { Cases } from '../script.js'
import { connectionCases } from './connections.js'
import { geoCases } from './geo.js'
import { hashCases } from './hashes.js'
import { keyCases } from './keys.js'
import { listCases } from './lists.js'
import { serverCases } from './servers.js'
import { setCases } from './sets.js'
import { sortedSetCases } from './sorted-sets.js'
import { streamCases } from './streams.js'
import { stringCases } from './strings.js'

/** A script for every supported command of Redis, by the name of its row. */
export const cases: Cases = {
  ...stringCases,
  ...keyCases,
  ...listCases,
  ...hashCases,
  ...setCases,
  ...sortedSetCases,
  ...geoCases,
  ...streamCases,
  ...connectionCases,
  ...serverCases,
}
