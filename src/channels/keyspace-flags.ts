/** The classes of events, each of which has its letter [Redis notify.c]. */
const OF_ALL = 'g$lshzxetd'
const OTHERS = 'nm'
/** What was overwritten, and what has another type than before: from Redis 8.2 on. */
const NEWER = 'oc'

/** What `notify-keyspace-events` says: which classes, and on which channels they are published. */
export interface KeyspaceFlags {
  /** On `__keyspace@<db>__:<key>`, the event as the message. */
  readonly ofKeys: boolean
  /** On `__keyevent@<db>__:<event>`, the key as the message. */
  readonly ofEvents: boolean
  /** Their letters, none twice. */
  readonly classes: string
}

export const EVERYTHING_OFF: KeyspaceFlags = { ofKeys: false, ofEvents: false, classes: '' }

/** Undefined when there is a letter that the servers do not know: `isNewer` are those from Redis 8.2 on. */
export function parseKeyspaceFlags(text: string, isNewer: boolean): KeyspaceFlags | undefined {
  const letters = new Set(text.replace('A', OF_ALL))
  const known = `${OF_ALL}${OTHERS}${isNewer ? NEWER : ''}`
  if ([...letters].some((letter) => !`${known}KEA`.includes(letter))) return undefined
  const classes = [...`${OF_ALL}n${NEWER}m`].filter((letter) => letters.has(letter)).join('')
  return { ofKeys: letters.has('K'), ofEvents: letters.has('E'), classes }
}

/** As CONFIG GET shows them [Redis notify.c keyspaceEventsFlagsToString]. */
export function formatKeyspaceFlags({ ofKeys, ofEvents, classes }: KeyspaceFlags): string {
  const named = classes.replace('m', '')
  return `${classes.startsWith(OF_ALL) ? 'A' : named}${ofKeys ? 'K' : ''}${ofEvents ? 'E' : ''}${classes.includes('m') ? 'm' : ''}`
}

const PREFIX = '__key'

/** Whether events may be published on a channel of this name, or on one that matches this pattern. */
export function mayBeOfEvents(name: Buffer, isPattern: boolean): boolean {
  for (let i = 0; i < PREFIX.length; i++) {
    const letter = String.fromCharCode(name[i] ?? 0)
    if (isPattern && '*?[\\'.includes(letter)) return true
    if (letter !== PREFIX[i]) return false
  }
  return true
}
