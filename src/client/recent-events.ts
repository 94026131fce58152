/** Something that happened to the ring, as who looks at it is told. */
export interface RecentEvent {
  /** As ISO 8601 has it. */
  readonly at: string
  readonly text: string
}

const EVENTS_KEPT = 50

/** What happened to the ring lately, the latest first; whoever looks for changes notes them. */
export class RecentEvents {
  private readonly events: RecentEvent[] = []

  get all(): readonly RecentEvent[] {
    return this.events
  }

  note(event: RecentEvent): void {
    this.events.unshift(event)
    this.events.length = Math.min(this.events.length, EVENTS_KEPT)
  }
}
