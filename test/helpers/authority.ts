import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate in a file, and the file of its key. */
export interface Issued {
  readonly cert: string
  readonly key: string
}

export interface Wanted {
  /** Its names and addresses, as openssl wants them; those of this machine if not given. */
  readonly names?: string
  /** Days for which it is valid: -1 is over since yesterday. */
  readonly days?: number
  /** The key is encrypted with it. */
  readonly password?: string
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']

/** An authority with openssl, in a directory of the test, and the certificates that it signs. */
export class Authority {
  /** Its own certificate. */
  readonly cert: string
  private readonly key: string
  private count = 0

  constructor(
    readonly dir: string,
    private readonly name = 'authority',
    /** What keys are made: of a curve, or `rsa:2048`. */
    private readonly keys?: 'rsa:2048',
  ) {
    this.cert = join(dir, `${name}.crt`)
    this.key = join(dir, `${name}.key`)
    openssl(
      'req',
      '-x509',
      ...this.newKey(),
      '-nodes',
      '-days',
      '30',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      this.key,
      '-out',
      this.cert,
    )
  }

  /** A certificate with this common name, and its key. */
  issue(commonName: string, { names = 'DNS:localhost,IP:127.0.0.1', days = 30, password }: Wanted = {}): Issued {
    const base = join(this.dir, `${this.name}-${++this.count}`)
    const issued = { cert: `${base}.crt`, key: `${base}.key` }
    const encryption = password === undefined ? ['-nodes'] : ['-passout', `pass:${password}`]
    openssl(
      'req',
      ...this.newKey(),
      ...encryption,
      '-subj',
      `/CN=${commonName}`,
      '-keyout',
      issued.key,
      '-out',
      `${base}.csr`,
    )
    writeFileSync(`${base}.ext`, `subjectAltName=${names}\n`)
    const signing = ['-CA', this.cert, '-CAkey', this.key, '-CAcreateserial', '-days', String(days)]
    openssl('x509', '-req', '-in', `${base}.csr`, ...signing, '-extfile', `${base}.ext`, '-out', issued.cert)
    return issued
  }

  private newKey(): readonly string[] {
    return this.keys === undefined ? CURVE : ['-newkey', this.keys]
  }
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}
