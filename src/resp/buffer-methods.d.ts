/** Methods that every Node 20 Buffer has, faster than `write` and `toString`, and that @types/node does not declare. */
interface Buffer {
  latin1Slice(start?: number, end?: number): string
  latin1Write(text: string, offset?: number, length?: number): number
  utf8Write(text: string, offset?: number, length?: number): number
}
