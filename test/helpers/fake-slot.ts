import type { ReplySlot } from '../../src/order/reply-slot.js'

/**
 * The place of a reply for a client that sends one command and waits. The reply is given as text, once; what fails inside the proxy
 * is thrown.
 */
export function slotFor(replied: (reply: string) => void, proto: 2 | 3 = 2): ReplySlot {
  let isAnswered = false
  return {
    proto,
    db: 0,
    client: undefined,
    number: 0,
    newest: 0,
    abandoned: false,
    pauseClient: () => {},
    whenFirst: async () => {},
    fail: (failure) => {
      throw failure
    },
    finish: (buf, start, end) => {
      if (isAnswered) throw new Error('the client was answered twice')
      replied(buf.toString('latin1', start, end))
      // What cannot be handed over is no answer.
      isAnswered = true
    },
  }
}
