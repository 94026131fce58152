import { DATA_OVERLAY } from './overlay-data.js'
import { NEWER_OVERLAY } from './overlay-newer.js'
import type { OverlayRow } from './overlay-row.js'
import { SERVER_OVERLAY } from './overlay-server.js'
import { STREAM_OVERLAY } from './overlay-streams.js'

/** The overlay by the name of the command. */
export const OVERLAY: ReadonlyMap<string, OverlayRow> = new Map(
  [...DATA_OVERLAY, ...STREAM_OVERLAY, ...SERVER_OVERLAY].map((row) => [row[0], row]),
)

/** That of commands which are learnt from newer servers. */
export const OVERLAY_OF_NEWER: ReadonlyMap<string, OverlayRow> = new Map(NEWER_OVERLAY.map((row) => [row[0], row]))
