interface Handle {
  readonly fd: number
  bind(host: string, port: number): number
  bind6(host: string, port: number, flags: number): number
  getsockname(into: { port?: number }): number
}

interface TcpWrap {
  readonly TCP: new (type: number) => Handle
  readonly constants: { readonly SERVER: number }
}

/** Handles close what nobody refers to. */
const kept: unknown[] = []

/** A socket as a service manager keeps it, for IPv4 or for both kinds: Node's own servers would take the connections. */
export function boundSocket(kind: 'IPv4' | 'both' = 'IPv4'): { readonly port: number; readonly fd: number } {
  const { TCP, constants } = (process as unknown as { binding(name: string): TcpWrap }).binding('tcp_wrap')
  const handle = new TCP(constants.SERVER)
  const into: { port?: number } = {}
  const failure = kind === 'both' ? handle.bind6('::', 0, 0) : handle.bind('127.0.0.1', 0)
  if (failure !== 0 || handle.getsockname(into) !== 0) throw new Error('no socket')
  kept.push(handle)
  return { port: into.port!, fd: handle.fd }
}
