import { UsageError } from '../base/user-error.js'

/** Where the data comes from, as `redis://user:password@host:port/database` says. */
export interface SourceUrl {
  readonly host: string
  readonly port: number
  readonly isTls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  /** The only database that is meant; all when undefined. */
  readonly db: number | undefined
}

const FORM = 'redis://[user:password@]host[:port][/database], or rediss://… for TLS'

/** @throws UsageError which does not repeat a password */
export function parseSourceUrl(text: string): SourceUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'redis:' && url.protocol !== 'rediss:') || url.hostname === '') {
    throw new UsageError(`where the data comes from is said as ${FORM}`)
  }
  const database = /^\/?(\d{0,6})$/.exec(url.pathname)
  if (database === null || url.search !== '' || url.hash !== '') {
    throw new UsageError(`behind the address only the number of a database may stand: ${FORM}`)
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 6379 : Number(url.port),
    isTls: url.protocol === 'rediss:',
    username: decoded(url.username),
    password: decoded(url.password),
    db: database[1] === '' ? undefined : Number(database[1]),
  }
}

/** What stands percent-encoded in a URL: `%40` is an @. */
function decoded(text: string): string | undefined {
  if (text === '') return undefined
  try {
    return decodeURIComponent(text)
  } catch {
    throw new UsageError('user and password stand percent-encoded in the URL, and a % that is one as %25')
  }
}
