/** Lower case of every byte as C's tolower has it in the C locale: only A-Z change. */
export const LOWER: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte,
)

/**
 * Whether the bytes of `buf` from `start` to `end` are `word` (lower case ASCII) in any case. As C's strcasecmp, which
 * Redis reads its options with, it sees nothing behind a NUL byte: `STORE\0x` is the option STORE.
 */
export function equalsIgnoreCase(buf: Buffer, start: number, end: number, word: string): boolean {
  const length = word.length
  if (end - start < length) return false
  for (let i = 0; i < length; i++) {
    if (LOWER[buf[start + i]] !== word.charCodeAt(i)) return false
  }
  return end - start === length || buf[start + length] === 0
}

/** Longer than every word, number and name that is looked for in what clients send. */
export const WORD_BYTES_MAX = 1024

/**
 * The bytes as text of one character a byte, for comparing it with words and for reading numbers. Of long ones the
 * beginning, which is none of what is looked for either: an argument may be longer than a string can be.
 */
export function wordOf(bytes: Buffer): string {
  return bytes.toString('latin1', 0, WORD_BYTES_MAX)
}

/** The same in lower case. */
export function lowerCase(bytes: Buffer): string {
  return wordOf(Buffer.from(bytes.subarray(0, WORD_BYTES_MAX).map((byte) => LOWER[byte])))
}

/** The same for the bytes as a C string, which ends at its first NUL. */
export function lowerWord(bytes: Buffer): string {
  const nul = bytes.indexOf(0)
  return lowerCase(nul < 0 ? bytes : bytes.subarray(0, nul))
}
