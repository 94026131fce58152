/** tap's last word: `# { total: 16, pass: 6, fail: 7, todo: 1, skip: 2 }`; fields that are 0 are not there. */
const tally = /^# \{ total: \d+.* \}$/
const result = /^( *)(not )?ok \d+(?: - (.*?))?(?: # (.*))?$/
const indent = 4

/**
 * Reads tap's output of many test files, line by line, and writes a short form of it. Each file is a subtest:
 *
 *     # Subtest: dist/test/a.test.js
 *         ok 1 - …                         shown only when the file fails, and then without passed assertions
 *     ok 1 - dist/test/a.test.js # time=12ms
 *       ---                                a diagnostic block: likewise
 *       ...
 *
 * What is not inside of a file (comments, `Bail out!`) is shown as it comes.
 *
 * Failures are counted here and not taken from tap's tally alone, which leaves out a file that a signal ended. A
 * failed test counts as its failed assertions, or as one if it has none.
 */
export class TapSummary {
  #missing
  #write
  /** What is known of the file that is being read: the lines to show should it fail. */
  #block = []
  #place = 'between files'
  /** While a diagnostic block is read: the line that ends it. */
  #diagnosticEnd
  /** Failures so far, by depth: of files at 0, of what the file being read has at 1, and so on. */
  #failures = [0]
  #tally
  /** Tests that were not tried, with the reason that they give. */
  #untried = []

  /** `files` are the tests that must report; `write` gets the short form. */
  constructor(files, write) {
    this.#missing = new Set(files)
    this.#write = write
  }

  line(line) {
    if (this.#diagnosticEnd !== undefined) {
      if (line === this.#diagnosticEnd) this.#diagnosticEnd = undefined
      this.#keep(line)
      return
    }
    const match = result.exec(line)
    if (match) this.#result(line, match)
    else if (line.startsWith('# Subtest: ')) {
      this.#block = [line]
      this.#place = 'in a file'
    } else if (tally.test(line)) this.#tally = line
    else if (!isNoise(line)) {
      const diagnostic = /^( +)---$/.exec(line)
      if (diagnostic) this.#diagnosticEnd = `${diagnostic[1]}...`
      this.#keep(line)
    }
  }

  #result(line, [, spaces, not, name, directive = '']) {
    const depth = Math.floor(spaces.length / indent)
    const failed = not !== undefined && !/^(skip|todo)\b/i.test(directive)
    const inside = this.#failures[depth + 1] ?? 0
    this.#failures.length = depth + 1
    this.#failures[depth] = (this.#failures[depth] ?? 0) + (failed ? Math.max(1, inside) : 0)
    const [, reason] = /^skip\s+(.+)$/i.exec(directive) ?? []
    if (reason !== undefined && depth > 0) this.#untried.push(`${name}: ${reason}`)
    if (depth > 0) {
      if (failed) this.#keep(line)
      return
    }
    if (directive !== 'SKIP no tests found') this.#missing.delete(name)
    if (failed) this.#show(this.#block)
    this.#show([line])
    this.#block = []
    this.#place = failed ? 'after a failed file' : 'after a passed file'
  }

  /** A line that is shown if the file that it belongs to fails. */
  #keep(line) {
    if (this.#place === 'in a file') this.#block.push(line)
    else if (this.#place !== 'after a passed file' || !line.startsWith(' ')) this.#show([line])
  }

  /** Writes the last lines and gives the exit code. `exitCode` is tap's, null when a signal ended it. */
  end(exitCode) {
    this.#show(this.#block)
    const count = (field) => Number(new RegExp(`\\b${field}: (\\d+)`).exec(this.#tally ?? '')?.[1] ?? 0)
    for (const file of this.#missing) this.#show([`not ok - ${file} # gave no result`])
    const counted = Math.max(this.#failures[0], count('fail')) + this.#missing.size
    // tap broke down itself, or says by its exit code alone that something is wrong.
    const failed = counted === 0 && (this.#tally === undefined || exitCode !== 0) ? 1 : counted
    const setAside = ['skip', 'todo'].filter((field) => count(field) > 0).map((field) => `${count(field)} ${field}`)
    for (const each of this.#untried) this.#show([`# not tried: ${each}`])
    if (setAside.length > 0) this.#show([`# ${setAside.join(', ')}`])
    this.#show([`${count('pass')} passed, ${failed} failed`])
    return failed === 0 ? 0 : 1
  }

  #show(lines) {
    for (const line of lines) this.#write(`${line}\n`)
  }
}

function isNoise(line) {
  return /^ *(TAP version \d+|\d+\.\.\d+|# No coverage generated|# time=.*|)$/.test(line)
}
