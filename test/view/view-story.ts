import type { Test } from 'tap'
import { silentLogger } from '../../src/base/log.js'
import { emptyView } from '../../src/view/build-view.js'
import { partingOf } from '../../src/view/parting.js'
import type { Member, View } from '../../src/view/view.js'
import { ViewKeeper } from '../../src/view/view-keeper.js'
import { ViewStore } from '../../src/view/view-store.js'

/**
 * A story is the golden transcript of a ring with one virtual node a member: lines with `>` are what happens, below them
 * stands the view that follows, with a line for each token range, called by whose token ends it:
 *
 *     > dt-1 dt-2 come                    > dt-5 is filled
 *     > dt-3 dt-4 fail                    > dt-5 is filled for dt-1 dt-4      the ranges that end there
 *     > dt-3 restarts                     > dt-2 is to leave                  or: to stay
 *     > all part                          whoever is to let go of a range does
 *
 *     2: dt-1 dt-2 dt-3(gone)             the epoch, and who is in the view
 *       dt-1: dt-1 dt-2 + dt-5            natural + pending replicas, the master first
 *       dt-4: dt-4 dt-5 - dt-2            natural - those who are still to let go of it
 *
 * A story is right when telling its events again gives the same text.
 */
export class ViewStory {
  private readonly store: ViewStore
  private readonly keeper: ViewKeeper
  private readonly there = new Set<string>()

  constructor(replicas: number) {
    this.store = new ViewStore(emptyView('dt', replicas, 1))
    this.keeper = new ViewKeeper(this.store, silentLogger())
  }

  check(t: Test, transcript: string): void {
    const expected = trimmed(transcript)
    const told = expected.flatMap((line) => (line.startsWith('>') ? [line, ...this.tell(line.slice(2))] : []))
    t.equal(told.join('\n'), expected.join('\n'))
  }

  private tell(line: string): string[] {
    const before = this.store.current
    const words = line.split(' ')
    const names = words.slice(
      0,
      words.findIndex((word) => !word.startsWith('dt-')),
    )
    if (/ comes?$/.test(line)) {
      for (const name of names) this.there.add(name)
      this.keeper.membersChanged(this.members())
    } else if (/ fails?$/.test(line)) {
      for (const name of names) this.there.delete(name)
      this.keeper.membersChanged(this.members())
    } else if (line.endsWith(' restarts')) this.keeper.restarted(names[0])
    else if (line.endsWith(' to leave')) this.keeper.leave(names[0])
    else if (line.endsWith(' to stay')) this.keeper.stay(names[0])
    else if (line === 'all part') this.part()
    else if (line.includes(' is filled')) this.fill(names[0], words.slice(4))
    else throw new Error(`nothing is told by "${line}"`)
    if (this.store.current === before) throw new Error(`no view follows "${line}"`)
    return described(this.store.current)
  }

  private members(): Member[] {
    return [...this.there].sort().map((name) => ({ name, host: '127.0.0.1', port: 6379, state: 'up' }))
  }

  private fill(name: string, ends: readonly string[]): void {
    const { ring, setOfRange } = this.store.current
    const ranges = ring.ranges().filter((_, i) => {
      const pending = setOfRange[i].pending.some((member) => member.name === name)
      return pending && (ends.length === 0 || ends.includes(ring.owner(i)))
    })
    this.keeper.filled(name, ranges)
  }

  private part(): void {
    const { current: view } = this.store
    this.keeper.parted(view.ring.ranges().filter((_, i) => partingOf(view, view.setOfRange[i]).length > 0))
  }
}

/** A view as the stories tell it. */
export function described(view: View): string[] {
  const { epoch, members, ring, setOfRange } = view
  const inView = members.map(({ name, state }) => (state === 'up' ? name : `${name}(${state})`))
  const ranges = setOfRange.map((set, i) => {
    const parting = partingOf(view, set)
    const names = (sign: string, those: readonly Member[]) => [sign, ...those.map(({ name }) => name)]
    const stays = set.natural.slice(0, set.natural.length - parting.length)
    const all = [...names('', stays), ...names('+', set.pending), ...names('-', parting)]
    return `  ${ring.owner(i)}:${all.join(' ').replace(/ [+-](?= [+-]|$)/g, '')}`
  })
  return [`  ${epoch}: ${inView.join(' ')}`, ...ranges.map((range) => `  ${range}`)]
}

export function trimmed(transcript: string): string[] {
  const lines = transcript.split('\n').filter((line) => line.trim() !== '')
  const indent = Math.min(...lines.map((line) => line.search(/\S/)))
  return lines.map((line) => line.slice(indent).trimEnd())
}
