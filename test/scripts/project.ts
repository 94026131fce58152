import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository = fileURLToPath(new URL('../../../', import.meta.url))

/**
 * A small project with our own scripts in it, in which the programs that they call are stand-ins that note their calls.
 * Only `bin` is on the PATH.
 */
export class Project {
  readonly bin: string
  readonly env: Record<string, string>

  constructor(readonly dir: string) {
    this.bin = join(dir, 'bin')
    this.env = { PATH: this.bin, HOME: dir }
    mkdirSync(this.bin)
    symlinkSync(process.execPath, join(this.bin, 'node'))
    for (const tool of ['sh', 'cat', 'rm', 'mv', 'chmod', 'mkdir', 'touch', 'grep']) {
      const path = ['/bin', '/usr/bin'].map((directory) => join(directory, tool)).find(existsSync)
      if (path) symlinkSync(path, join(this.bin, tool))
    }
  }

  file(name: string, content: string): void {
    const path = join(this.dir, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }

  copy(name: string): void {
    cpSync(join(repository, name), join(this.dir, name))
  }

  /** Puts a program on the PATH that notes its call and then does what the shell commands say. */
  program(name: string, commands = ':'): void {
    const path = join(this.bin, name)
    writeFileSync(path, `#!/bin/sh\necho "${name} $*" >> '${join(this.dir, 'calls')}'\n${commands}\n`)
    chmodSync(path, 0o755)
  }

  /** The calls of stand-ins since the last time. */
  calls(): string[] {
    const path = join(this.dir, 'calls')
    const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
    writeFileSync(path, '')
    return lines.filter((line) => line !== '')
  }
}
