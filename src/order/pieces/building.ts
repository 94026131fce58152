import type { CommandRow } from '../../command/row.js'
import type { Frame } from '../../resp/frame.js'
import type { Page, Value } from './page.js'

/** A write that is emitted, and of which the table says which elements it changes: the column `elements`. */
export interface Written {
  readonly row: CommandRow
  readonly frame: Frame
  /** How many keys it names. */
  readonly keys: number
  /** It stands in a transaction, which may be refused as a whole. */
  readonly inBlock: boolean
}

/** What a value is read with while it is written. */
export interface Reading extends Value {
  /**
   * Calls `ask` at its place among the writes of the key: all that were told of before have been emitted on the source then, and
   * none that is told of later.
   *
   * @throws SpoiledError when that takes too long
   */
  inOrder<T>(ask: () => Promise<T>): Promise<T>
}

/** How a value of one type is built under the hidden name while it is written. */
export interface Building {
  /** The command that counts its elements. */
  readonly count: string
  /** It counts on each write's being executed: one that is refused spoils it. */
  readonly isExact?: true
  /** What the write changes is read again. False when that is not known, or too much. */
  wrote(write: Written): boolean
  /**
   * Most of the value, and what is written meanwhile, until so little is left that writes can wait for it.
   *
   * @throws SpoiledError, RefusedError, LinkLostError
   */
  pages(): AsyncGenerator<Page>
  /** What is left. From now on nothing is written. */
  rest(): AsyncGenerator<Page>
}

/** What was built is not the value any more, or is not sure to be. */
export class SpoiledError extends Error {
  override name = 'SpoiledError'
}

/** So many elements may be left for the time in which writes wait. */
export const LAST_ELEMENTS = 200
/** After so many pages of what was written meanwhile it is not waited any more until less is left. */
export const LATER_PAGES_MAX = 2000
