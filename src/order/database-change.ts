import { wordOf } from '../base/ascii.js'
import type { CommandRow, Databases } from '../command/row.js'
import { error, type Reply } from '../resp/encode.js'

/** All databases, in place of the number of one. */
export const ALL_DATABASES = -1

/** A command that empties databases or exchanges two of them, and what its words say. */
export class DatabaseChange {
  /** In lower case. */
  readonly name: string
  private readonly what: Databases

  /**
   * @param row one with `databases`
   * @param args the command, as the client sent it
   * @param db the database that the client has selected
   */
  constructor(
    row: CommandRow,
    readonly args: readonly Buffer[],
    readonly db: number,
  ) {
    this.name = row.name
    this.what = row.databases as Databases
  }

  get isSwap(): boolean {
    return this.what === 'exchanged'
  }

  /** The database that is emptied, or ALL_DATABASES; undefined when none is. */
  get emptied(): number | undefined {
    if (this.isSwap) return undefined
    return this.what === 'all emptied' ? ALL_DATABASES : this.db
  }

  /** The two that are exchanged: NaN for what is no number. */
  get exchanged(): readonly [one: number, other: number] {
    return [Number(wordOf(this.args[1])), Number(wordOf(this.args[2]))]
  }

  /** The databases that are other ones behind it, or ALL_DATABASES. */
  get changed(): readonly number[] {
    const { emptied } = this
    if (emptied !== undefined) return [emptied]
    return this.exchanged.filter((db) => this.concerns(db))
  }

  concerns(db: number): boolean {
    if (!this.isSwap) return this.emptied === ALL_DATABASES || db === this.emptied
    const [one, other] = this.exchanged
    // With itself it is not exchanged [Redis db.c dbSwapDatabases].
    return one !== other && (db === one || db === other)
  }

  /** Whether servers do it: what names a database that is none all of them refuse. */
  isValid(databases: number): boolean {
    const isDatabase = (arg: Buffer) => /^(0|[1-9]\d{0,8})$/.test(wordOf(arg)) && Number(arg) < databases
    return !this.isSwap || this.args.slice(1).every(isDatabase)
  }

  /** What is answered to wrong words, which nobody is sent. */
  refusal(): Reply | undefined {
    const { args } = this
    const isWrong = args.length > 2 || (args.length === 2 && !/^(a?sync)$/i.test(wordOf(args[1])))
    return isWrong && !this.isSwap ? error('ERR syntax error') : undefined
  }
}
