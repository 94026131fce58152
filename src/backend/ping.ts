import { isError, type Reply } from '../resp/encode.js'
import { clockOffset, preciseNowMs, TELLING_MS } from './handshake.js'

/** The link breaks when the server owes replies and has sent nothing for this long. */
const SILENT_MAX_MS = 30_000

interface Pinged {
  readonly lastReceivedMs: number
  readonly outstanding: number
  readonly pushes: number
  readonly owed: { readonly answered: number; readonly receivedBytes: number }
  clockOffsetMs: number
  readonly scripts: { explainSilence(nowMs: number): boolean }
  call(args: readonly string[]): Promise<Reply>
  reset(reason: string): void
}

/** What `ping` does, to be called again and again for one connection; it notices as well that nothing comes but pushes. */
export function heartbeat(link: Pinged, silentMaxMs = SILENT_MAX_MS): () => void {
  let { answered, receivedBytes } = link.owed
  let { pushes } = link
  let sinceMs = performance.now()
  return () => {
    const nowMs = performance.now()
    const { owed } = link
    // What has come of a large reply is a reply, too.
    if (link.outstanding === 0 || owed.answered !== answered || owed.receivedBytes > receivedBytes) {
      ;({ answered } = owed)
      ;({ pushes } = link)
      sinceMs = nowMs
    }
    ;({ receivedBytes } = owed)
    const isTelling = link.pushes > pushes && nowMs - sinceMs > silentMaxMs
    if (isTelling && !link.scripts.explainSilence(nowMs)) {
      link.reset(`it owes replies and has sent nothing but pushes for ${Math.round((nowMs - sinceMs) / 1000)} s`)
    } else ping(link)
  }
}

/** Keeps a link alive, notices one that is dead, and measures the server's clock again. */
function ping(link: Pinged): void {
  const nowMs = performance.now()
  const silentMs = nowMs - link.lastReceivedMs
  const isIdle = link.outstanding === 0
  if (!isIdle && silentMs > SILENT_MAX_MS && !link.scripts.explainSilence(nowMs)) {
    link.reset(`it owes replies and was silent for ${Math.round(silentMs / 1000)} s`)
    return
  }
  const sentAtMs = preciseNowMs()
  link.call(['TIME']).then(
    (reply) => {
      const receivedAtMs = preciseNowMs()
      if (isError(reply) || !(isIdle || receivedAtMs - sentAtMs <= TELLING_MS)) return
      try {
        link.clockOffsetMs = clockOffset(reply, sentAtMs, receivedAtMs)
      } catch (error) {
        link.reset((error as Error).message)
      }
    },
    () => {}, // The link broke: it has been reported.
  )
}
