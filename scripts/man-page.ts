import { version } from '../src/base/version.js'
import { EXIT_CODES } from '../src/cli/command-text.js'
import { commandTexts } from '../src/cli/command-texts.js'

/** docs/dt.1, made of the texts of `dt help`. */
export function manPage(): string {
  const sections = commandTexts.map(
    ({ name, summary, usage }) =>
      `.SS dt ${name}\n${escaped(`${summary}.`)}\n.PP\n.nf\n${escaped(usage.trimEnd())}\n.fi\n`,
  )
  return `.\\" Made from the help texts by npm run docs: change these, not this page.
.TH DT 1 "" "Diminished Triad ${version}" "User Commands"
.SH NAME
dt \\- one Redis for your clients, several servers behind it, copies of every key
.SH SYNOPSIS
.B dt
.I command
.RI [ options ]
.SH DESCRIPTION
Diminished Triad is a proxy that speaks the Redis protocol and keeps every key on several stock Redis servers.
.B dt
starts it, and asks or tells one that runs.
.SH COMMANDS
${sections.join('')}.SH EXIT STATUS
${EXIT_CODES.map(([code, meaning]) => `.TP\n.B ${code}\n${escaped(meaning)}\n`).join('')}.SH ENVIRONMENT
.TP
.B DT_CONFIG_FILE
the file of settings, when no
.B \\-\\-config
names one
.TP
.B DT_<SECTION>_<NAME>
a setting, before the file
.TP
.B DT_IMPORT_PASSWORD
the password of the source of
.B dt import
.SH SEE ALSO
.BR redis-server (1),
.BR redis-cli (1)
`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replace(/^[.']/gm, '\\&$&').replaceAll('…', '...')
}
