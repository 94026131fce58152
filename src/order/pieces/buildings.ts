import type { Building, Reading } from './building.js'
import { ListBuilding } from './list-building.js'
import { NamedBuilding } from './named-building.js'
import { StreamBuilding } from './stream-building.js'
import { StringBuilding } from './string-building.js'

/**
 * How a value of this type is built while it is written; undefined where that cannot be.
 *
 * @param type as TYPE says
 * @throws RefusedError, LinkLostError
 */
export async function buildingOf(type: string, reading: Reading): Promise<Building | undefined> {
  switch (type) {
    case 'hash':
    case 'set':
    case 'zset':
      return NamedBuilding.of(type, reading)
    case 'list':
      return new ListBuilding(reading)
    case 'stream':
      return new StreamBuilding(reading)
    case 'string':
      return new StringBuilding(reading)
    default:
      return undefined
  }
}
