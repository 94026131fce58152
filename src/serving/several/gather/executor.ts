/** A key that a command reads, about as many bytes as its value takes, and who can read it in its own place, the master first. */
export interface Needed<Server> {
  readonly bytes: number
  /** None when it has to be brought whoever executes the command. */
  readonly readers: readonly Server[]
}

/**
 * Who executes a command on keys of several servers: who reads most of the values in their places, so that the least is copied; of
 * equal ones the master of most. Where none of those can be asked it may be anybody: it knows the keys as guests only.
 *
 * @param keys in the order of the command
 * @param isFit whether a server can be asked, and has memory for what it lacks
 * @returns undefined when nobody is fit
 */
export function chooseExecutor<Server>(
  keys: readonly Needed<Server>[],
  members: readonly Server[],
  isFit: (server: Server) => boolean,
): Server | undefined {
  const candidates = [...new Set(keys.flatMap(({ readers }) => readers))].filter(isFit)
  const held = (server: Server) => sum(keys, ({ readers, bytes }) => (readers.includes(server) ? bytes + 1 : 0))
  const mastered = (server: Server) => sum(keys, ({ readers }) => (readers[0] === server ? 1 : 0))
  const better = (one: Server, other: Server) => held(other) - held(one) || mastered(other) - mastered(one)
  return candidates.sort(better)[0] ?? members.find(isFit)
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
