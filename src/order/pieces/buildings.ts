import type { Building, Reading } from './building.js'
import { NamedBuilding } from './named-building.js'
import { StreamBuilding } from './stream-building.js'

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
    case 'stream':
      return new StreamBuilding(reading)
    default:
      return undefined
  }
}
