import type { Link } from '../backend/link.js'

/** What was written to a member over one connection. */
export interface Noted {
  readonly link: Link
  readonly clientId: number
  /** Epoch of the marker that was emitted last, and of the one that was answered last. */
  sent: number
  answered: number
  /** Why it did not take the last marker that it has answered, if so. */
  refusal: string | undefined
  /** Why it did not take the last heartbeat. One that is out of memory may do all else. */
  beatRefusal: string | undefined
  /** The refusal that was logged last, until it takes one. */
  told: string | undefined
  /** A heartbeat is under way. */
  beating: boolean
}

export function newNote(link: Link, clientId: number): Noted {
  return {
    link,
    clientId,
    sent: 0,
    answered: 0,
    refusal: undefined,
    beatRefusal: undefined,
    told: undefined,
    beating: false,
  }
}
