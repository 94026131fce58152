import { becomeUser } from './commands/connection.js'
import type { Connection } from './connection.js'
import type { Server } from './server.js'

/** What of the server is touched here. */
type Needs = Pick<Server, 'acl' | 'config'>

/**
 * A client has shown a certificate that was verified. Where the settings say so it is logged in as the user whose name
 * stands there as the common name, if there is such a user and it is on; else it may log in as everybody does [Redis
 * 8.6 tls-auth-clients-user].
 */
export function logInByCertificate({ config, acl }: Needs, client: Connection, commonName: string): void {
  client.session.certificateName = commonName
  if (config.tls.authClientsUser !== 'CN') return
  const user = acl.users.get(Buffer.from(commonName).toString('latin1'))
  if (user?.isOn === true) becomeUser(client, user)
}
