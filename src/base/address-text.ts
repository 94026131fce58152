export interface Address {
  readonly host: string
  readonly port: number
}

/** How a server is called in the log, and where it is told from others. */
export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The address that such a text says, `host:port` or `[::1]:port`; undefined when it says none. */
export function addressIn(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([^:[\]\s]+)):([0-9]{1,5})$/i.exec(text)
  const port = Number(match?.[3])
  return match === null || port < 1 || port > 65535 ? undefined : { host: match[1] ?? match[2], port }
}
