import { Link } from '../../src/backend/link.js'
import type { LinkOptions } from '../../src/backend/link-options.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { silentLogger } from '../../src/base/log.js'
import { Turn } from '../../src/base/turn.js'
import { frameOf } from '../../src/resp/frame.js'
import { ScriptedServer } from '../helpers/scripted-server.js'
import { until } from '../helpers/until.js'

interface Test {
  teardown(end: () => unknown): void
}

/** A link to a scripted server, and all that was heard of it: the start of each story about links. */
export class LinkStory {
  readonly link: Link
  readonly turn = new Turn()
  /** `up`, `down: reason`, or `strayed: reason`, in order. */
  readonly events: string[] = []
  /** When it came up, in ms. */
  readonly upAtMs: number[] = []
  /** What each emitted command came to, in the order in which that was told: `0 "+OK\r\n"`, `1 lost "GET a"`. */
  readonly outcomes: string[] = []
  private emitted = 0

  private constructor(
    readonly server: ScriptedServer,
    options: Partial<LinkOptions>,
  ) {
    const defaults: LinkOptions = {
      connectTimeoutMs: 2000,
      reconnectMinMs: 1,
      reconnectMaxMs: 20,
      pingIntervalMs: 60_000,
      ringId: 'story',
      runId: 'run-1',
    }
    this.link = new Link('dt-1', '127.0.0.1', server.port, { ...defaults, ...options }, this.turn, silentLogger(), {
      onUp: () => {
        this.events.push('up')
        this.upAtMs.push(performance.now())
      },
      onDown: (_link, reason) => this.events.push(`down: ${reason}`),
      onStrayed: (_link, reason) => this.events.push(`strayed: ${reason}`),
    })
  }

  static async begin(t: Test, options: Partial<LinkOptions> = {}): Promise<LinkStory> {
    const story = new LinkStory(await ScriptedServer.start(t), options)
    t.teardown(() => story.link.close())
    return story
  }

  /** A story whose link is up already. */
  static async ready(t: Test, options: Partial<LinkOptions> = {}): Promise<LinkStory> {
    const story = await LinkStory.begin(t, options)
    story.link.start()
    await story.up()
    return story
  }

  up(): Promise<boolean> {
    return until('the link is up', () => this.link.ready)
  }

  /** Emits a command; its number is the count of those before it. */
  emit(db: number, ...args: (string | Buffer)[]): void {
    const number = this.emitted++
    const frame = frameOf(args)
    const sink: ReplySink = {
      onReply: (tag, buf, start, end) =>
        this.outcomes.push(`${tag} ${JSON.stringify(buf.toString('utf8', start, end))}`),
      onLost: (tag, buf, start, end) => this.outcomes.push(`${tag} lost ${JSON.stringify(shown(buf, start, end))}`),
    }
    this.link.emit(frame.buf, frame.start, frame.end, frame.owned, db, sink, number)
  }

  async outcome(count: number): Promise<string[]> {
    await until(
      `${count} commands have their outcome, not ${this.outcomes.length}`,
      () => this.outcomes.length >= count,
    )
    return this.outcomes
  }
}

/** The arguments of a strict frame, for a message. */
function shown(buf: Buffer, start: number, end: number): string {
  const lines = buf.toString('utf8', start, end).split('\r\n')
  return lines.filter((_, i) => i > 0 && i % 2 === 0).join(' ')
}
