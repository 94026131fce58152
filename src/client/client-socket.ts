/** What a client's connection needs of its socket, which may be at another proxy. */
export interface ClientSocket {
  /** Bytes that were written and have not left. */
  readonly writableLength: number
  readonly writableNeedDrain: boolean
  on(event: 'end' | 'drain' | 'error' | 'close', listener: () => void): unknown
  once(event: 'close', listener: () => void): unknown
  write(bytes: Buffer | string): unknown
  cork(): void
  uncork(): void
  end(): { destroySoon(): void }
  end(bytes: Buffer): { destroySoon(): void }
  destroySoon(): void
  destroy(): unknown
  /**
   * The proxy is to stop: of a client of a front, whether that keeps it for who comes next, so that it is not to be closed here; undefined
   * of all others.
   */
  keep?(): boolean
  /** Of one that is kept: whether it is answered all that it has sent, and nothing more comes. */
  isKept?(): boolean
  pause(): unknown
  resume(): unknown
}

/** The parts of a socket's handle that Node keeps to itself; with TLS there is another one below. */
interface Handle {
  readonly writeQueueSize?: number
  readonly _parent?: Handle | null
}

/** What Node counts falls when all of a write has left; this falls with each part of it. */
export function queuedBytesOf({ socket }: { readonly socket: ClientSocket }): number {
  let bytes = 0
  let handle = (socket as { _handle?: Handle | null })._handle
  for (; handle !== undefined && handle !== null; handle = handle._parent) bytes += handle.writeQueueSize ?? 0
  return bytes
}
