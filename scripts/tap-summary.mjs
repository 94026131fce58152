/** tap's last word: `# { total: 16, pass: 6, fail: 7, todo: 1, skip: 2 }`; fields that are 0 are not there. */
const tally = /^# \{ total: \d+.* \}$/

/**
 * Reads tap's output of many test files, line by line, and writes a short form of it. Each file is a subtest:
 *
 *     # Subtest: dist/test/a.test.js
 *         ok 1 - …                         shown only when the file fails, and then without passed assertions
 *     ok 1 - dist/test/a.test.js # time=12ms
 *       ---                                likewise
 *       ...
 *
 * What is not inside of a file (comments, `Bail out!`, the tally) is shown as it comes.
 */
export class TapSummary {
  #missing
  #write
  #block = []
  #state = 'between'
  #tally

  /** `files` are the tests that must report; `write` gets the short form. */
  constructor(files, write) {
    this.#missing = new Set(files)
    this.#write = write
  }

  line(line) {
    const subtest = /^# Subtest: (.*)$/.exec(line)
    const result = /^(not )?ok \d+(?: - (.*?))?(?: # .*)?$/.exec(line)
    if (subtest) {
      this.#block = [line]
      this.#state = 'in a file'
    } else if (result) {
      if (!line.endsWith('# SKIP no tests found')) this.#missing.delete(result[2])
      this.#show(result[1] === undefined ? [] : withoutPassed(this.#block))
      this.#show([line])
      this.#block = []
      this.#state = result[1] === undefined ? 'passed' : 'failed'
    } else if (this.#state === 'in a file') {
      this.#block.push(line)
    } else if (tally.test(line)) {
      this.#tally = line
    } else if (line !== '' && (this.#state !== 'passed' || !line.startsWith('  ')) && !isNoise(line)) {
      this.#show([line])
    }
  }

  /** Writes the last lines and gives the exit code. `exitCode` is tap's, null when a signal ended it. */
  end(exitCode) {
    this.#show(withoutPassed(this.#block))
    const count = (field) => Number(new RegExp(`\\b${field}: (\\d+)`).exec(this.#tally ?? '')?.[1] ?? 0)
    for (const file of this.#missing) this.#show([`not ok - ${file} # gave no result`])
    // A failure that tap's tally does not know of: it broke down itself, or says so by its exit code alone.
    const unexplained = this.#tally === undefined || (exitCode !== 0 && count('fail') === 0) ? 1 : 0
    const failed = count('fail') + Math.max(this.#missing.size, unexplained)
    const setAside = ['skip', 'todo'].filter((field) => count(field) > 0).map((field) => `${count(field)} ${field}`)
    if (setAside.length > 0) this.#show([`# ${setAside.join(', ')}`])
    this.#show([`${count('pass')} passed, ${failed} failed`])
    return failed === 0 ? 0 : 1
  }

  #show(lines) {
    for (const line of lines) this.#write(`${line}\n`)
  }
}

function isNoise(line) {
  return /^(TAP version \d+|\d+\.\.\d+|# No coverage generated|# time=.*)$/.test(line)
}

/** The lines of a file without its passed assertions. Lines of a diagnostic block look like anything: all are kept. */
function withoutPassed(lines) {
  let diagnosticEnd
  return lines.filter((line) => {
    if (diagnosticEnd !== undefined) {
      if (line === diagnosticEnd) diagnosticEnd = undefined
      return true
    }
    const start = /^( *)---$/.exec(line)
    if (start) diagnosticEnd = `${start[1]}...`
    return !/^ *(ok \d|\d+\.\.\d+$|# time=)/.test(line) && line.trim() !== ''
  })
}
