/** A listening socket that somebody else has opened for us, or that we give to somebody else. */
export interface PassedSocket {
  readonly fd: number
  /** What it is for: `tls` for clients that speak it, `admin` for monitoring, `peers` for other proxies, any other for clients. */
  readonly name: string
}

/** The first of them is this one [sd_listen_fds(3)]. */
export const FIRST_PASSED = 3

/** The sockets that the service manager, or the proxy before this one, has passed to this process [sd_listen_fds(3)]. */
export function passedSockets(env: Readonly<Record<string, string | undefined>>, pid: number): PassedSocket[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = env
  // They are for whom it names: its children have the variables as well, and not the sockets.
  if (LISTEN_FDS === undefined || (LISTEN_PID !== undefined && Number(LISTEN_PID) !== pid)) return []
  const names = LISTEN_FDNAMES.split(':')
  return Array.from({ length: Number(LISTEN_FDS) || 0 }, (_, i) => ({ fd: FIRST_PASSED + i, name: names[i] ?? '' }))
}

/** How `passedSockets` finds them in another process, to which they are given as its file descriptors from 3 on. */
export function passedVariables(sockets: readonly PassedSocket[]): Record<string, string> {
  return { LISTEN_FDS: String(sockets.length), LISTEN_FDNAMES: sockets.map(({ name }) => name).join(':') }
}
