import type { Order } from '../../order/order.js'
import type { Functions } from '../function/functions.js'
import type { Keyspace } from '../keyspace/keyspace.js'
import type { OneRoute } from '../one-route.js'
import type { Scripts } from '../script/scripts.js'
import type { Gathering } from '../several/gather/gathering.js'

/** The ways in which the commands of a transaction are served. */
export interface Ways {
  readonly order: Order
  readonly oneRoute: OneRoute
  readonly keyspace: Keyspace
  readonly gathering: Gathering
  readonly scripts: Scripts
  readonly functions: Functions
}
