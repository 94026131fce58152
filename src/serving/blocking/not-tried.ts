/** What a server was not asked, because it, or others, stood in the way: it is tried again. */
const NOT_TRIED = /^-(?:CLUSTERDOWN|TRYAGAIN)\b/
/** What a server was asked, and has not answered; it has changed nothing. */
const READ_NOT_ANSWERED = /^-ERR the read was not answered\b/
const LENGTH = 32

/** Whether a reply says that nobody was asked. */
export function isNotTried(buf: Buffer, start: number, end: number): boolean {
  return NOT_TRIED.test(beginning(buf, start, end))
}

/** The same, or that somebody was, of what only reads, and nobody has answered. */
export function isUnanswered(buf: Buffer, start: number, end: number): boolean {
  return isNotTried(buf, start, end) || READ_NOT_ANSWERED.test(beginning(buf, start, end))
}

/** Whether it says that a key is of another kind than what is waited for, or has no such group any more. */
export function isOtherThanWaitedFor({ isGroup }: { readonly isGroup: boolean }, buf: Buffer, start: number): boolean {
  const code = buf.toString('latin1', start, start + 10)
  return code === '-WRONGTYPE' || (isGroup && code.startsWith('-NOGROUP '))
}

function beginning(buf: Buffer, start: number, end: number): string {
  return buf.toString('latin1', start, Math.min(end, start + LENGTH))
}
