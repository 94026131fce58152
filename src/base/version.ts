import { readFileSync } from 'node:fs'

/** The version of Diminished Triad, as package.json has it: three directories up from dist/src/base. */
export const version: string = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
).version
