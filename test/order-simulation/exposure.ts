import { replicaSetOfKey } from '../../src/view/build-view.js'
import type { View } from '../../src/view/view.js'
import type { PartOperation } from './client.js'
import { commandsOf } from './tag-model.js'
import { TOGETHER } from './workload.js'

interface Event {
  readonly name: string
  readonly moment: number
}

/**
 * What reads may be gone again: of a write that was never acknowledged, whose effect was read from the one that had executed it,
 * when that one failed while the connections to all others broke that were still to execute it [design §2 G3].
 */
export class Exposure {
  private readonly views: { readonly view: View; readonly moment: number }[] = []
  private readonly failures: Event[] = []
  private readonly breaks: Event[] = []

  constructor(private readonly moment: () => number) {}

  viewed(view: View): void {
    this.views.push({ view, moment: this.moment() })
  }

  /** A server is declared down, or is another process. */
  failed(name: string): void {
    this.failures.push({ name, moment: this.moment() })
  }

  /** The connection to a server has broken. */
  broken(name: string): void {
    this.breaks.push({ name, moment: this.moment() })
  }

  /** Those of the operations, which are of one tag, that need not have been: see above. */
  mayBeGone(operations: readonly PartOperation[], isRead: (operation: PartOperation) => boolean): Set<PartOperation> {
    const gone = new Set<PartOperation>()
    for (const write of operations) {
      if (write.outcome.kind !== 'unknown' || !this.isExposed(write)) continue
      for (const read of operations) {
        if (isRead(read) && read.returned > write.invoked && read.invoked < write.returned) gone.add(read)
      }
    }
    return gone
  }

  private isExposed({ part, invoked, returned }: PartOperation): boolean {
    const { view } = this.views.findLast(({ moment }) => moment < invoked)!
    const isLater = ({ moment }: Event) => moment > invoked
    const isMeanwhile = (event: Event) => isLater(event) && event.moment < returned
    const isExposedOn = (key: string) => {
      const names = replicaNames(view, key)
      return names.some((name) => {
        const others = names.filter((each) => each !== name)
        const hasFailed = this.failures.some((event) => event.name === name && isLater(event))
        return (
          hasFailed && others.every((each) => this.breaks.some((event) => event.name === each && isMeanwhile(event)))
        )
      })
    }
    const keys =
      part.tag === TOGETHER
        ? commandsOf(part)
            .flat()
            .filter((arg) => arg.startsWith('{'))
        : [`{${part.tag}}`]
    return keys.some(isExposedOn)
  }
}

function replicaNames(view: View, key: string): string[] {
  const bytes = Buffer.from(key)
  return replicaSetOfKey(view, bytes, 0, bytes.length).natural.map(({ name }) => name)
}
