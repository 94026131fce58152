import type { CommandRow } from '../../command/row.js'
import { rowNamed } from '../../command/table.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { type ErrorReply, error } from '../../resp/encode.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import { isUnanswered } from './not-tried.js'
import type { WaitingClient } from './waiting-client.js'

const LLEN = rowNamed('llen')!
const TYPE = rowNamed('type')!
const COLON = 0x3a
const ZERO = Buffer.from(':0\r\n')
const STREAM = Buffer.from('+stream\r\n')

const STREAM_GONE = error('UNBLOCKED the stream key no longer exists')
const GROUP_GONE = error('NOGROUP the consumer group this client was blocked on no longer exists')

/**
 * What is asked about the key of a client that waits, while the key is shut, when it is of another kind than it should be
 * [design §7 Waiting]. Where nobody answers, undefined is given: then it is tried again.
 */
export class Inquiries {
  constructor(
    private readonly serveKeys: (frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number) => void,
  ) {}

  /** Whether a list of this name has an element. */
  async hasElement(client: WaitingClient, key: Buffer): Promise<boolean | undefined> {
    const length = await this.ask(client, ['LLEN', key], LLEN)
    return length === undefined ? undefined : length[0] === COLON && !length.equals(ZERO)
  }

  /** Why there is no such group: what its client is told. */
  async endOfGroup(client: WaitingClient, key: Buffer): Promise<ErrorReply | undefined> {
    const type = await this.ask(client, ['TYPE', key], TYPE)
    if (type === undefined) return undefined
    return type.equals(STREAM) ? GROUP_GONE : STREAM_GONE
  }

  private async ask(
    client: WaitingClient,
    words: readonly (Buffer | string)[],
    row: CommandRow,
  ): Promise<Buffer | undefined> {
    const reply = await new Promise<Buffer>((resolve) => {
      const slot = client.slotFor((buf, start, end) => resolve(Buffer.from(buf.subarray(start, end))))
      this.serveKeys(frameOf(words), row, slot, 0)
    })
    return isUnanswered(reply, 0, reply.length) ? undefined : reply
  }
}
