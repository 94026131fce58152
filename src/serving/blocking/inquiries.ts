import { type KeyId, keyOfId } from '../../base/key-id.js'
import type { CommandRow } from '../../command/row.js'
import { rowNamed } from '../../command/table.js'
import { NobodysSlot, type ReplySlot } from '../../order/reply-slot.js'
import { bytesOf, decodeReply, elementsOf, fieldOf, textOf } from '../../resp/decode.js'
import { error, type Reply } from '../../resp/encode.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import { kindOfGroup } from './blocked-streams.js'
import type { Line } from './lines.js'
import { isUnanswered } from './not-tried.js'
import type { Came, WaitingClient } from './waiting-client.js'

const LLEN = rowNamed('llen')!
const ZCARD = rowNamed('zcard')!
const TYPE = rowNamed('type')!
const XINFO_STREAM = rowNamed('xinfo|stream')!
const XINFO_GROUPS = rowNamed('xinfo|groups')!
const COLON = 0x3a
const ZERO = Buffer.from(':0\r\n')
const WRONG_TYPE = Buffer.from('-WRONGTYPE ')
const STREAM = Buffer.from('+stream\r\n')

const STREAM_GONE = error('UNBLOCKED the stream key no longer exists')
const GROUP_GONE = error('NOGROUP the consumer group this client was blocked on no longer exists')

/**
 * What is asked about the key of those who wait, while it is shut: whether it holds something for them, or why not
 * [design §7 Waiting]. Where nobody answers, undefined is given: then it is tried again. What fails inside the proxy is thrown.
 */
export class Inquiries {
  constructor(
    private readonly serveKeys: (frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number) => void,
  ) {}

  /**
   * A client that moves an element was answered that a key is of the wrong type. Is it the source, it waits on, and nothing has come; or
   * it is the destination: then its client is told so, and the element is for the next one in line.
   */
  async tellWrongType(client: WaitingClient, source: KeyId): Promise<Came> {
    const length = await this.ask(source, ['LLEN'], LLEN)
    if (length === undefined) return 'not tried'
    if (length[0] !== COLON || length.equals(ZERO)) return 'nothing'
    client.answerWrongType()
    return 'something'
  }

  /** The group of a client is not there any more: it is told whether the stream is. */
  async tellEnd(client: WaitingClient, id: KeyId): Promise<Came> {
    const type = await this.ask(id, ['TYPE'], TYPE)
    if (type === undefined) return 'not tried'
    client.answerGone(type.equals(STREAM) ? GROUP_GONE : STREAM_GONE)
    return 'something'
  }

  /** Whether the key may hold something for those in a line, who take it; or something of which they have to be told. */
  async mayHold({ id, kind }: Line): Promise<boolean | undefined> {
    if (kind !== 'list' && kind !== 'sorted-set') return this.mayHaveNew(id, kind)
    const count = await (kind === 'list' ? this.ask(id, ['LLEN'], LLEN) : this.ask(id, ['ZCARD'], ZCARD))
    if (count === undefined) return undefined
    return !count.equals(ZERO) && !count.subarray(0, WRONG_TYPE.length).equals(WRONG_TYPE)
  }

  /** Whether a stream has an entry that its group has not been given, or there is no such group any more. */
  private async mayHaveNew(id: KeyId, kind: string): Promise<boolean | undefined> {
    const [stream, groups] = await Promise.all([
      this.ask(id, ['XINFO', 'STREAM'], XINFO_STREAM),
      this.ask(id, ['XINFO', 'GROUPS'], XINFO_GROUPS),
    ])
    if (stream === undefined || groups === undefined) return undefined
    const all = elementsOf(decodeReply(groups, 0, groups.length)) ?? []
    const group = all.find((each) => kindOfGroup(bytesOf(fieldOf(each, 'name') ?? null)) === kind)
    return group === undefined || !isAllGiven(group, decodeReply(stream, 0, stream.length))
  }

  /** Asks it as nobody's command: whoever waits may be gone before the answer is here. */
  private async ask(id: KeyId, words: readonly string[], row: CommandRow): Promise<Buffer | undefined> {
    const { db, key } = keyOfId(id)
    const reply = await new Promise<Buffer>((resolve, reject) => {
      this.serveKeys(frameOf([...words, key]), row, new InquirySlot(db, resolve, reject), 0)
    })
    return isUnanswered(reply, 0, reply.length) ? undefined : reply
  }
}

/** The place of the reply to a question. The key is shut for whom it is asked, so it passes the gates; it waits for no server. */
class InquirySlot extends NobodysSlot {
  readonly atGates = 'admitted, now'

  constructor(
    db: number,
    private readonly answered: (reply: Buffer) => void,
    private readonly failed: (failure: Error) => void,
  ) {
    super(db)
  }

  finish(buf: Buffer, start: number, end: number): void {
    this.answered(Buffer.from(buf.subarray(start, end)))
  }

  /** Asked again it would fail again. */
  fail(failure: Error): void {
    this.failed(failure)
  }
}

/** Whether all that a stream had until its last id was given to this group. */
function isAllGiven(group: Reply, stream: Reply): boolean {
  const given = textOf(fieldOf(group, 'last-delivered-id') ?? null)
  const last = textOf(fieldOf(stream, 'last-generated-id') ?? null)
  if (given === undefined || last === undefined) return false
  const [ms, sequence] = partsOf(given)
  const [lastMs, lastSequence] = partsOf(last)
  return ms > lastMs || (ms === lastMs && sequence >= lastSequence)
}

function partsOf(id: string): readonly bigint[] {
  return id.split('-').map((part) => (/^\d+$/.test(part) ? BigInt(part) : 0n))
}
