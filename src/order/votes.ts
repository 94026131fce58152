/** Codes of errors that follow from what the key is. All others say something about the server, and nothing about its data. */
const DATA_ERRORS = ['-WRONGTYPE ', '-NOGROUP ', '-BUSYGROUP ', '-BUSYKEY ', '-INVALIDOBJ ']
/** ERR is the code of everything else: of `no such key` and of what a server does not know, cannot do, or may not because of its settings. */
const ANY_ERROR = '-ERR '
const NOT_OF_DATA =
  /^-ERR (unknown |unsupported |wrong number of |syntax error|Protocol error|max number of |string exceeds maximum|operation not permitted|.*(not supported|not allowed|not available|disabled|is renamed))/i
/** What is looked at of an error's text. */
const TEXT_BYTES = 256
const ERROR = 0x2d
/** Of so many natural replicas one can be outvoted, and the last one decides between two. */
export const VOTERS = 3
const MASTER = 0

/** What some targets of a write have answered, by their places. */
export interface Said {
  readonly reply: Buffer
  /** See `FramerSink`. */
  readonly flags: number
  readonly places: readonly number[]
}

/**
 * What the targets of a write answered, from the moment on in which two answered differently. Replicas in which nothing is in
 * doubt are equal, so one of three that stands alone against the two others has come to differ by itself: it was emptied, or
 * changed by hand [design §7 Differences].
 */
export class Votes {
  private readonly said: (Said & { places: number[] })[]

  /** @param places those who have answered `reply` so far */
  constructor(reply: Buffer, flags: number, places: readonly number[]) {
    this.said = [{ reply, flags, places: [...places] }]
  }

  /**
   * Whether two answers show that the data of one of them is not what it was. Two errors have changed nothing, and servers of
   * different versions word them differently.
   */
  static suit(naturals: number, one: Buffer, other: Buffer): boolean {
    if (naturals !== VOTERS) return false
    const errors = [one, other].filter((reply) => reply[0] === ERROR)
    return errors.length === 0 || (errors.length === 1 && Votes.isOfData(errors[0]))
  }

  /** Whether an error follows from what the key is, so that equal replicas answer with it, too. */
  static isOfData(error: Buffer): boolean {
    const text = error.toString('latin1', 0, TEXT_BYTES)
    if (text.startsWith(ANY_ERROR)) return !NOT_OF_DATA.test(text)
    return DATA_ERRORS.some((code) => text.startsWith(code))
  }

  add(place: number, reply: Buffer, flags: number): void {
    const same = this.said.find((each) => each.reply.equals(reply))
    if (same === undefined) this.said.push({ reply, flags, places: [place] })
    else same.places.push(place)
  }

  /** Who is right: two who say the same, or the master when all say something else; undefined before that is known. */
  verdict(): Said | undefined {
    const voters = ({ places }: Said) => places.filter((place) => place < VOTERS).length
    const majority = this.said.find((each) => voters(each) === VOTERS - 1)
    const count = this.said.reduce((sum, each) => sum + voters(each), 0)
    if (majority !== undefined || count < VOTERS) return majority
    return this.said.find(({ places }) => places.includes(MASTER))
  }

  /** The one that stands alone against two who say the same. */
  alone(): number | undefined {
    const right = this.verdict()?.places ?? []
    const others = [0, 1, 2].filter((place) => !right.includes(place))
    return others.length === 1 ? others[0] : undefined
  }
}
