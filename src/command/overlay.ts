import { DATA_OVERLAY } from './overlay-data.js'
import type { OverlayRow } from './overlay-row.js'
import { SERVER_OVERLAY } from './overlay-server.js'

/** The overlay by the name of the command. */
export const OVERLAY: ReadonlyMap<string, OverlayRow> = new Map(
  [...DATA_OVERLAY, ...SERVER_OVERLAY].map((row) => [row[0], row]),
)
