/** One client of four works here, most of the others in database 0. */
export const OTHER_DB = 5
/** Only clients with the workload `flushed` work here, so that it may be emptied. */
export const FLUSHED_DB = 6
/** Only clients with the workload `swapped` work here, so that these two may be swapped. */
export const SWAPPED_DBS: readonly [number, number] = [7, 8]

/**
 * What the keys of a database begin with in the history. Databases that are swapped are one place: a key there is what
 * two databases have under its name.
 */
export function placeOf(db: number): string {
  return SWAPPED_DBS.includes(db) ? SWAPPED_DBS.join('+') : String(db)
}

/** The databases in which a key of the history is. */
export function dbsOf(key: string): number[] {
  return key.slice(0, key.indexOf('/')).split('+').map(Number)
}
