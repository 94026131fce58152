import type { View } from '../../src/view/view.js'
import type { ViewStore } from '../../src/view/view-store.js'
import type { SimulatedLink, SimulatedLinks } from './simulated-link.js'

/** What was noted over one connection of a member. */
interface Noted {
  readonly link: SimulatedLink
  readonly connection: SimulatedLink['connection']
  sent: number
  answered: number
}

/**
 * Notes every view on its members, and says when all of them have answered, as membership/markers does: without what the
 * notes say, which only a start of the proxy reads.
 */
export class SimulatedMarkers {
  acknowledgedEpoch = 0
  private readonly noted = new Map<string, Noted>()
  private waiting: { readonly epoch: number; readonly resolve: () => void }[] = []

  constructor(
    private readonly views: ViewStore,
    private readonly links: SimulatedLinks,
    private readonly acknowledged: (epoch: number) => void,
  ) {
    views.onChange((view) => this.viewChanged(view))
  }

  linkUp(name: string): void {
    if (this.views.current.members.some((member) => member.name === name)) this.mark(name)
  }

  /** Resolves when the present view, or a later one, is acknowledged. */
  whenAcknowledged(): Promise<void> {
    const { epoch } = this.views.current
    if (this.acknowledgedEpoch >= epoch) return Promise.resolve()
    return new Promise((resolve) => this.waiting.push({ epoch, resolve }))
  }

  private viewChanged({ members }: View): void {
    for (const name of this.noted.keys()) {
      if (!members.some((member) => member.name === name)) this.noted.delete(name)
    }
    for (const { name } of members) this.mark(name)
    this.settle()
  }

  private mark(name: string): void {
    const { epoch } = this.views.current
    const link = this.links.get(name) as SimulatedLink | undefined
    if (link?.ready !== true) return
    let noted = this.noted.get(name)
    if (noted?.link !== link || noted.connection !== link.connection) {
      noted = { link, connection: link.connection, sent: 0, answered: 0 }
      this.noted.set(name, noted)
    }
    if (noted.sent >= epoch) return
    noted.sent = epoch
    const answered = () => {
      noted.answered = Math.max(noted.answered, epoch)
      this.settle()
    }
    // A link that breaks is marked anew when it is up again.
    link.call(['FUNCTION', 'LOAD', 'REPLACE', `epoch ${epoch}`]).then(answered, () => {})
  }

  private settle(): void {
    const { epoch, members } = this.views.current
    if (this.acknowledgedEpoch >= epoch) return
    const hasAnswered = ({ name, state }: View['members'][number]) =>
      state === 'gone' || (this.noted.get(name)?.answered ?? 0) >= epoch
    if (!members.every(hasAnswered)) return
    this.acknowledgedEpoch = epoch
    this.acknowledged(epoch)
    const due = this.waiting.filter((each) => each.epoch <= epoch)
    this.waiting = this.waiting.filter((each) => each.epoch > epoch)
    for (const { resolve } of due) resolve()
  }
}
