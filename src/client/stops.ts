import { error } from '../resp/encode.js'

/** What is answered to who waits when the proxy stops. */
export const STOPS = error(
  'UNBLOCKED the proxy stops, nothing has come and nothing was applied: try again on another connection',
)
