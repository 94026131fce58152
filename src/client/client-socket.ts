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
  pause(): unknown
  resume(): unknown
}
