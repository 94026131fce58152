import type { View } from './view.js'

export function isMember(view: View, name: string): boolean {
  return view.members.some((member) => member.name === name)
}

/** Whether a member is natural for some range of which no other natural replica passes the test. */
export function isAloneWith(view: View, name: string, isThere: (name: string) => boolean): boolean {
  return view.replicaSets.some(
    ({ natural }) =>
      natural.some((member) => member.name === name) &&
      !natural.some((member) => member.name !== name && isThere(member.name)),
  )
}

/** Whether a member is natural somewhere where all others are gone. */
export function isLastHolder(view: View, name: string): boolean {
  const gone = new Set(view.members.filter(({ state }) => state === 'gone').map((member) => member.name))
  return isAloneWith(view, name, (other) => !gone.has(other))
}
