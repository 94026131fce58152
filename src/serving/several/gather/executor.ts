/** A key that a command reads, about as many bytes as its value takes, and who can read it in its own place. */
export interface Needed<Server> {
  readonly bytes: number
  /** Undefined when it has to be brought whoever executes the command. */
  readonly reader: Server | undefined
}

/**
 * Who executes a command on keys of several servers: who reads most of the values in their places, so that the least is copied.
 * Where none of those can be asked it may be anybody: it knows the keys as guests only.
 *
 * @param keys in the order of the command
 * @param isFit whether a server can be asked, and has memory for guests
 * @returns undefined when nobody is fit
 */
export function chooseExecutor<Server>(
  keys: readonly Needed<Server>[],
  members: readonly Server[],
  isFit: (server: Server) => boolean,
): Server | undefined {
  const held = new Map<Server, number>()
  for (const { reader, bytes } of keys) if (reader !== undefined) held.set(reader, (held.get(reader) ?? 0) + bytes)
  let best: Server | undefined
  for (const [server, bytes] of held) {
    if (isFit(server) && (best === undefined || bytes > held.get(best)!)) best = server
  }
  return best ?? members.find(isFit)
}
