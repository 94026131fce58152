import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** How often it is looked. */
const LOOK_MS = 1000
/** So much memory outside of the heap is worth a collection, which takes some 30 ms. */
const WORTH_BYTES = 96 * 1024 * 1024
/** What changes by less between two looks is not in use, or is in use for long. */
const STEADY_BYTES = 1024 * 1024
/** So many looks pass until the same memory is tried again; twice as many each time that it was in use, up to the other number. */
const PAUSE_LOOKS = 10
const PAUSE_LOOKS_MAX = 640

/**
 * Gives back the memory of large buffers that nobody has any more. To V8 they are a few small objects, and it collects them when the
 * heap wants it: after a flood that may be never, with hundreds of megabytes outside of the heap [design §5 Memory outside of the heap].
 */
export class Collector {
  private timer: NodeJS.Timeout | undefined
  private last = 0
  /** How many looks are passed over yet, and how many will be after the next collection. */
  private passed = 0
  private pause = PAUSE_LOOKS

  constructor(
    private readonly bytes: () => number = () => process.memoryUsage().arrayBuffers,
    private readonly collect: () => void = collection(),
  ) {}

  start(): void {
    this.timer = setInterval(() => this.look(), LOOK_MS).unref()
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** Collects when there is much and nothing happens to it. What was in use then may be dropped later, which nothing shows: it is tried again. */
  look(): void {
    const bytes = this.bytes()
    const isSteady = Math.abs(bytes - this.last) < STEADY_BYTES
    this.last = bytes
    if (!isSteady) {
      this.passed = 0
      this.pause = PAUSE_LOOKS
      return
    }
    if (bytes < WORTH_BYTES || --this.passed >= 0) return
    this.collect()
    this.passed = this.pause
    this.pause = Math.min(PAUSE_LOOKS_MAX, this.pause * 2)
  }
}

/** V8's own, which it shows to contexts that are made after it was told to. */
function collection(): () => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  return collect
}
