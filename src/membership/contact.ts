import type { MembershipStatus } from './membership.js'

/** What is waited for before the members are known, as the end of a sentence that begins with "nothing is served yet". */
export function missingContact({ sentinels, masters }: MembershipStatus, masterPattern: string): string {
  if (!sentinels.some(({ reachable }) => reachable)) {
    const failures = sentinels.map(({ address, error }) => `${address}: ${error}`).join(', ')
    return `no Sentinel has answered (${failures})`
  }
  if (masters.length === 0) return `no Sentinel monitors a server whose name matches ${masterPattern}`
  if (!masters.some(({ link }) => link === 'up')) {
    return `no server has answered (${masters.map(({ name, why }) => `${name}: ${why}`).join(', ')})`
  }
  return 'the proxy is finding out where the ring stopped'
}
