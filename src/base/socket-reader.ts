/** Who reads the bytes of one socket. */
export interface Reader {
  /** Handles the first `size` bytes of `buffer`, which are valid during the call. False stops reading until `resume`. */
  receive(buffer: Buffer, size: number): boolean
  /** Where the next bytes belong, if they are the rest of a large value; else they come in a buffer that all share. */
  room(): Buffer | undefined
  /** The first `size` bytes of `room` have been received. False stops reading until `resume`. */
  filled(size: number): boolean
}

/**
 * The `onread` option of a socket that reads into `shared`, which saves an allocation a read [design §11], and large
 * values to where they are gathered, which saves copying them.
 */
export function readingInto(shared: Buffer, reader: Reader) {
  let current = shared
  return {
    /** Node asks it for the buffer of the next read before the first one, and after each [net: onread]. */
    buffer: (): Buffer => {
      current = reader.room() ?? shared
      return current
    },
    callback: (size: number): boolean => (current === shared ? reader.receive(shared, size) : reader.filled(size)),
  }
}
