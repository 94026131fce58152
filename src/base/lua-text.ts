/** A text of Lua: in one line, and without what the wrapper of scripts puts in place of names. @param text in latin1 */
export function luaText(text: string): string {
  const escapes = text.replace(
    /[^A-Za-z0-9 .*:|_^[\]%-]/g,
    (letter) => `\\${String(letter.charCodeAt(0)).padStart(3, '0')}`,
  )
  return `'${escapes}'`
}
