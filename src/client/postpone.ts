import type { Connection } from './connection.js'

/** Goes on with a client, and first with `serve`, unless it is gone. */
export type Resume = (serve: () => void) => void

/** A client's command is not served yet, and nothing that it sends behind it, until the function that this gives is called. */
export function postpone(client: Connection): Resume {
  const { queue, session } = client
  queue.pausing++
  session.postponed = true
  return (serve) => {
    queue.pausing--
    session.postponed = false
    if (client.deaf) return
    serve()
    // As with Redis, what it has sent behind that comes before what others have.
    client.takeTurn()
  }
}
