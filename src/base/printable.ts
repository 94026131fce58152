/** Bytes as text; what is no text, or would play tricks with a terminal, is escaped as redis-cli does. */
export function printable(bytes: Buffer | undefined): string {
  const text = String(bytes ?? '')
  if (!/[\p{Cc}\ufffd]/u.test(text)) return text
  let escaped = ''
  for (const byte of bytes ?? []) {
    escaped +=
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return escaped
}
