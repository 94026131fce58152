import { readFileSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from '../base/log.js'
import { UserError } from '../base/user-error.js'
import { decodeRecord, encodeRecord, type ViewRecord } from './marker.js'

/**
 * The local state file: the view in use, by which a proxy that finds only few members knows that there is no later one
 * [design §8 Start]. For that it must never be older than a view under which something was acknowledged.
 */
export class StateFile {
  /** Epoch of the record that is on disk, or that cannot be there because there is no file. */
  savedEpoch = 0
  private wanted: ViewRecord | undefined
  private saving: Promise<void> | undefined

  constructor(
    private readonly path: string,
    private readonly log: Logger,
  ) {}

  /**
   * The record of an earlier run, or undefined when there is no file.
   *
   * @throws UserError when there is one that cannot be used
   */
  read(): ViewRecord | undefined {
    try {
      return decodeRecord(readFileSync(this.path, 'utf8'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new UserError(
        `the state file ${this.path} cannot be used: ${(error as Error).message}; without it the
markers on the members decide, so that it may be deleted`.replace('\n', ' '),
      )
    }
  }

  /** Writes a record, or a later one that is wanted meanwhile; resolves when that is on disk. */
  save(record: ViewRecord): Promise<void> {
    this.wanted = record
    this.saving ??= this.saveAll().finally(() => {
      this.saving = undefined
    })
    return this.saving
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.saving
  }

  private async saveAll(): Promise<void> {
    for (let record = this.wanted; record !== undefined; record = this.wanted) {
      this.wanted = undefined
      try {
        await this.replace(encodeRecord(record))
        this.savedEpoch = record.view.epoch
      } catch (error) {
        this.log.error({ file: this.path, err: error }, 'the state file cannot be written: it is removed')
        if (await this.remove()) this.savedEpoch = record.view.epoch
      }
    }
  }

  /** The file has either its old content or the new one, whatever happens. */
  private async replace(text: string): Promise<void> {
    const temporary = `${this.path}.new`
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, this.path)
    const directory = await open(dirname(this.path), 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  /** No file says less than an old one. */
  private async remove(): Promise<boolean> {
    try {
      await rm(this.path, { force: true })
      return true
    } catch (error) {
      this.log.error({ file: this.path, err: error }, 'the state file can neither be written nor removed: remove it')
      return false
    }
  }
}
