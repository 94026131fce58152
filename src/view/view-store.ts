import { assert } from '../base/assert.js'
import { placeByGroups } from '../ring/identifier.js'
import type { View } from './view.js'

/** Told of a new view, and of the one before it, after it became the current one. */
export type ViewListener = (view: View, previous: View) => void

/** Where the two paths meet: the control path publishes views here, the data path reads the current one. */
export class ViewStore {
  private view: View
  private readonly listeners = new Set<ViewListener>()

  /** From now on keys are placed as `first` says; all views that follow say the same. */
  constructor(first: View) {
    this.view = first
    placeByGroups(first.keyGroups)
  }

  get current(): View {
    return this.view
  }

  /** Makes `view` the current one and tells the listeners at once, in the order in which they came. */
  publish(view: View): void {
    const previous = this.view
    assert(view.epoch > previous.epoch, `epoch ${view.epoch} follows ${previous.epoch}: epochs only grow`)
    this.view = view
    for (const listener of this.listeners) listener(view, previous)
  }

  /** Calls `listener` for every view published from now on, until the returned function is called. */
  onChange(listener: ViewListener): () => void {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }
}
