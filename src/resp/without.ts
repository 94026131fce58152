/** The bytes from `start` to `end` without the ranges `cuts`. */
export function without(buf: Buffer, start: number, end: number, cuts: number[]): Buffer {
  const pieces: Buffer[] = []
  let from = start
  for (let i = 0; i < cuts.length; i += 2) {
    pieces.push(buf.subarray(from, cuts[i]))
    from = cuts[i + 1]
  }
  pieces.push(buf.subarray(from, end))
  return Buffer.concat(pieces)
}
