import { createHash } from 'node:crypto'
import { unwatchFile, watchFile } from 'node:fs'
import type { SecureContext } from 'node:tls'
import type { Logger } from '../base/log.js'
import { UserError } from '../base/user-error.js'
import { readMaterial, type TlsMaterial, type TlsPaths } from './files.js'
import { checkTimes } from './validity.js'

/** How often is looked whether the files have changed, and how long is waited for the others of them. */
const LOOK_MS = 1000
const SETTLE_MS = 500

/** What came of a reload; `fault` says for people why nothing has changed. */
export type Reloaded = { readonly changed: boolean } | { readonly changed: false; readonly fault: string }

/**
 * One certificate with its key and authorities, as connections use it from now on. When its files change it is read
 * anew; what cannot be used changes nothing, and connections that are there keep what they began with.
 */
export class Certificates {
  /** For the next connection. */
  context: SecureContext
  private digest: string
  private watching: (() => void)[] = []
  private timer: NodeJS.Timeout | undefined

  /**
   * @param use what it is for: `the certificate for clients`
   * @throws UserError when the files cannot be used
   */
  constructor(
    private readonly use: string,
    private readonly paths: TlsPaths,
    private readonly make: (material: TlsMaterial) => SecureContext,
    private readonly log: Logger,
  ) {
    const material = readMaterial(paths)
    this.context = make(material)
    this.digest = digestOf(material)
    const late = checkTimes(material.cert, paths.nameOf('certFile'))
    if (late !== undefined) log.warn({ event: 'certificate-late' }, `${use}: ${late}`)
  }

  /** Reads the files again, and logs what came of it. */
  reload(): Reloaded {
    const { use, log } = this
    try {
      const material = readMaterial(this.paths)
      const digest = digestOf(material)
      if (digest === this.digest) return { changed: false }
      const context = this.make(material)
      const late = checkTimes(material.cert, this.paths.nameOf('certFile'))
      if (late !== undefined) throw new UserError(late)
      this.context = context
      this.digest = digest
      log.info({ event: 'certificate-read' }, `${use} has been read anew: new connections use it`)
      return { changed: true }
    } catch (error) {
      const fault = (error as Error).message
      log.warn({ event: 'certificate-kept', reason: fault }, `${use} stays as it was: ${fault}`)
      return { changed: false, fault }
    }
  }

  /** Reloads whenever a file has changed, until `stop`. They may be links, which are replaced with all behind them. */
  watch(): void {
    const { certFile, keyFile, keyPasswordFile, caFile } = this.paths
    const changed = () => {
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.reload(), SETTLE_MS).unref()
    }
    for (const path of [certFile, keyFile, keyPasswordFile, caFile]) {
      if (path === undefined) continue
      watchFile(path, { interval: LOOK_MS, persistent: false }, changed)
      this.watching.push(() => unwatchFile(path, changed))
    }
  }

  stop(): void {
    clearTimeout(this.timer)
    for (const unwatch of this.watching.splice(0)) unwatch()
  }
}

function digestOf({ cert, key, passphrase, ca }: TlsMaterial): string {
  const hash = createHash('sha256')
  for (const part of [cert, key, passphrase, ca]) hash.update(`${part?.length ?? -1} `).update(part ?? '')
  return hash.digest('hex')
}
