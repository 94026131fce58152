import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { UserError } from '../base/user-error.js'

/** Where a certificate, its key and the authorities lie, and the names of these settings, for messages. */
export interface TlsPaths {
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  readonly keyPassword: string | undefined
  readonly keyPasswordFile: string | undefined
  readonly caFile: string | undefined
  /** `tls.certFile` for `certFile`. */
  readonly nameOf: (file: 'certFile' | 'keyFile' | 'keyPasswordFile' | 'caFile') => string
}

/** What stands in them. */
export interface TlsMaterial {
  /** The certificate, with those behind it in its chain. */
  readonly cert: Buffer | undefined
  readonly key: Buffer | undefined
  readonly passphrase: string | undefined
  readonly ca: Buffer | undefined
}

const PEM = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]+?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g

/**
 * Reads all of them.
 *
 * @throws UserError that names the setting and the file which cannot be read, or holds no certificate
 */
export function readMaterial(paths: TlsPaths): TlsMaterial {
  const read = (file: 'certFile' | 'keyFile' | 'keyPasswordFile' | 'caFile') => {
    const path = paths[file]
    return path === undefined ? undefined : readNamed(paths.nameOf(file), path)
  }
  const cert = read('certFile')
  const ca = read('caFile')
  const password = read('keyPasswordFile')
  if (cert !== undefined) certificatesIn(cert, paths.nameOf('certFile'))
  if (ca !== undefined) certificatesIn(ca, paths.nameOf('caFile'))
  const passphrase = password === undefined ? paths.keyPassword : password.toString().replace(/\r?\n$/, '')
  return { cert, key: read('keyFile'), passphrase, ca }
}

/**
 * The certificates of a PEM file.
 *
 * @throws UserError when there is none, or one of them cannot be read
 */
export function certificatesIn(pem: Buffer, setting: string): X509Certificate[] {
  const blocks = pem.toString('latin1').match(PEM)
  if (blocks === null) throw new UserError(`${setting} holds no certificate (PEM)`)
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch (error) {
    throw new UserError(`${setting} holds something that is no certificate: ${(error as Error).message}`)
  }
}

function readNamed(setting: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'permission denied' : message
    throw new UserError(`${setting} cannot be read: ${path}: ${reason}`)
  }
}
