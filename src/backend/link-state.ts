import type { ServerInfo } from './handshake.js'

/**
 * The life of a link:
 *
 *     connecting ──> handshaking ──> ready ──┐
 *         ^               │                  │  broken: everything in flight is told `onLost`
 *         └── waiting <───┴──────────────────┘
 */
export type LinkState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'handshaking' }
  | { readonly kind: 'ready'; readonly info: ServerInfo }
  /** Since when, in ms of `performance.now`; 0 when nothing was tried yet. */
  | { readonly kind: 'waiting'; readonly reason: string; readonly sinceMs: number }
  | { readonly kind: 'closed' }
