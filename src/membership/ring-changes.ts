/** A server as who looks at the ring sees it. */
export interface MemberSeen {
  readonly name: string
  readonly state: string
  /** What is said against it, or ''. */
  readonly why: string
}

/** The ring at one moment. */
export interface RingSeen<M extends MemberSeen> {
  readonly ready: boolean
  /** Why it is not, or ''. */
  readonly why: string
  readonly members: readonly M[]
  /** Whether data moves. */
  readonly moves: boolean
}

/**
 * What has changed from one moment to the next, a sentence each.
 *
 * @param alike what there is to say of a member that is in the state in which it was
 */
export function changesBetween<M extends MemberSeen>(
  before: RingSeen<M>,
  now: RingSeen<M>,
  alike: (member: M, was: M) => string[],
): string[] {
  const known = new Map(before.members.map((member) => [member.name, member]))
  const there = new Set(now.members.map(({ name }) => name))
  return [
    ...(before.ready === now.ready ? [] : [now.ready ? 'clients are served' : `nothing is served: ${now.why}`]),
    ...now.members.flatMap((member) => {
      const was = known.get(member.name)
      if (was?.state === member.state) return alike(member, was)
      const is = `${member.state}${reasonOf(member)}`
      return [was === undefined ? `${member.name} is known, and ${is}` : `${member.name} was ${was.state} and is ${is}`]
    }),
    ...before.members.filter(({ name }) => !there.has(name)).map(({ name }) => `${name} is not known any more`),
    ...(before.moves === now.moves ? [] : [now.moves ? 'data begins to move' : 'no data moves any more']),
  ]
}

/** `: its link is down`, behind a sentence about it. */
export function reasonOf({ why }: MemberSeen): string {
  return why === '' ? '' : `: ${why}`
}
