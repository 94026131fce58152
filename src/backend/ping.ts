import { isError, type Reply } from '../resp/encode.js'
import { clockOffset, preciseNowMs, TELLING_MS } from './handshake.js'

/** The link breaks when the server owes replies and has sent nothing for this long. */
const SILENT_MAX_MS = 30_000

interface Pinged {
  readonly lastReceivedMs: number
  readonly outstanding: number
  clockOffsetMs: number
  readonly scripts: { explainSilence(nowMs: number): boolean }
  call(args: readonly string[]): Promise<Reply>
  reset(reason: string): void
}

/** Keeps a link alive, notices one that is dead, and measures the server's clock again. */
export function ping(link: Pinged): void {
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
      link.clockOffsetMs = clockOffset(reply, sentAtMs, receivedAtMs)
    },
    () => {}, // The link broke: it has been reported.
  )
}
