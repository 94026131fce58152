import type { Frame } from '../../resp/frame.js'
import type { Budget } from './budget.js'
import type { Page } from './page.js'

/** At most so many commands are written at a time. */
export const COMMANDS_MAX = 2000

/** Makes pages of commands that come one by one. */
export class PageFiller {
  private frames: Frame[] = []
  private bytes = 0

  constructor(private readonly budget: Budget) {}

  /** The page, when it is full with this command. */
  *add(frame: Frame): Generator<Page> {
    this.frames.push(frame)
    this.bytes += frame.end
    if (this.frames.length >= Math.min(COMMANDS_MAX, this.budget.elementsOf(1)) || this.bytes >= this.budget.bytes)
      yield* this.rest()
  }

  /** What does not fill a page. */
  *rest(): Generator<Page> {
    const page = this.frames
    this.frames = []
    this.bytes = 0
    if (page.length > 0) yield page
  }
}
