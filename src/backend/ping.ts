import { isError, type Reply } from '../resp/encode.js'
import { clockOffset, preciseNowMs, TELLING_MS } from './handshake.js'
import type { Unfinished } from './unfinished.js'

/** The link breaks when the server owes replies and has sent nothing for this long. */
const SILENT_MAX_MS = 30_000
/** What really is a large reply comes faster than so many bytes in that time. */
const PART_BYTES_MIN = 64 * 1024

interface Pinged {
  readonly lastReceivedMs: number
  readonly outstanding: number
  readonly pushes: number
  readonly owed: { readonly answered: number; readonly receivedBytes: number }
  readonly unfinished: Pick<Unfinished, 'bytes' | 'ask'>
  clockOffsetMs: number
  readonly scripts: { explainSilence(nowMs: number): boolean }
  call(args: readonly string[]): Promise<Reply>
  reset(reason: string): void
}

/**
 * What `ping` does, to be called again and again for one connection; it notices as well that nothing comes but pushes, or next to
 * nothing of a reply.
 */
export function heartbeat(link: Pinged, silentMaxMs = SILENT_MAX_MS): () => void {
  let { answered } = link.owed
  let { bytes } = link.unfinished
  let { pushes } = link
  let sinceMs = performance.now()
  return () => {
    const nowMs = performance.now()
    const { owed, unfinished } = link
    // What has come of a large reply is a reply, too.
    if (link.outstanding === 0 || owed.answered !== answered || unfinished.bytes - bytes >= PART_BYTES_MIN) {
      ;({ answered } = owed)
      ;({ bytes } = unfinished)
      ;({ pushes } = link)
      sinceMs = nowMs
    }
    const more = unfinished.bytes - bytes
    const isTelling = (link.pushes > pushes || more > 0) && nowMs - sinceMs > silentMaxMs
    if (isTelling && !link.scripts.explainSilence(nowMs)) {
      const what = more > 0 ? `no more than ${more} bytes of one` : 'nothing but pushes'
      link.reset(`it owes replies and has sent ${what} for ${Math.round((nowMs - sinceMs) / 1000)} s`)
      return
    }
    ping(link)
    if (owed.receivedBytes > 0) unfinished.ask(link, owed.answered)
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
