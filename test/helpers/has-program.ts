import { execFileSync } from 'node:child_process'

/** Whether there is such a program on the PATH, which answers --version. */
export function hasProgram(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
