import { UsageError } from '../base/user-error.js'
import { parseWords } from './arguments.js'
import { type CommandText, type OptionText, optionsIn, wordsIn } from './command-text.js'
import type { Output } from './terminal.js'

const SHELLS = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof SHELLS)[number]

/** `dt completion SHELL`: what the shell has to read to complete the commands and options of dt. */
export function completion(argv: string[], out: Output, commands: readonly CommandText[]): number {
  const { positionals } = parseWords(argv, {}, ['bash, zsh or fish'])
  const [shell] = positionals
  const script = { bash: bashScript, zsh: zshScript, fish: fishScript }[shell as Shell]
  if (!SHELLS.includes(shell as Shell)) throw new UsageError(`'${shell}' is neither bash nor zsh nor fish`)
  out.write(script(commands))
  return 0
}

/** The words that may come behind a command, but for options. */
function wordsBehind(command: CommandText, commands: readonly CommandText[]): readonly string[] {
  return command.name === 'help' ? commands.map(({ name }) => name) : wordsIn(command)
}

const isPath = ({ value }: OptionText) => value === 'FILE' || value === 'DIR'

function bashScript(commands: readonly CommandText[]): string {
  const all = commands.flatMap(optionsIn)
  const named = (which: (option: OptionText) => boolean) =>
    [...new Set(all.filter(which).map(({ name }) => name))].join('|') || "''"
  const cases = commands.map((command) => {
    const words = [...wordsBehind(command, commands), ...optionsIn(command).map(({ name }) => name)]
    return `    ${command.name}) words='${words.join(' ')}' ;;`
  })
  return `# Completion of dt for bash: source <(dt completion bash)
_dt() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words=''
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')}' -- "$cur"))
    return
  fi
  case $prev in
    ${named(isPath)})
      compopt -o filenames 2> /dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return ;;
    ${named((option) => option.value !== undefined && !isPath(option))}) return ;;
  esac
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -F _dt dt
`
}

/** Within single quotes. */
const quoted = (text: string) => text.replaceAll("'", "'\\''")
/** Within the brackets and colons of _arguments and _describe. */
const described = (text: string) => quoted(text.replace(/[[\]:]/g, (sign) => `\\${sign}`))

function zshScript(commands: readonly CommandText[]): string {
  const names = commands.map(({ name, summary }) => `    '${name}:${described(summary)}'`)
  const cases = commands.map((command) => {
    const options = optionsIn(command).map((option) => {
      const value = option.value === undefined ? '' : `:${option.value}:${isPath(option) ? '_files' : ' '}`
      return `'${option.name}[${described(option.text)}]${value}'`
    })
    const words = wordsBehind(command, commands)
    const first = words.length === 0 ? [] : [`'1:what:(${words.join(' ')})'`]
    return `    ${command.name}) _arguments ${[...options, ...first].join(' ')} ;;`
  })
  return `#compdef dt
# Completion of dt for zsh: source <(dt completion zsh), behind compinit
_dt() {
  local -a commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join('\n')}
  esac
}
if [[ $funcstack[1] == _dt ]]; then _dt "$@"; else compdef _dt dt; fi
`
}

function fishScript(commands: readonly CommandText[]): string {
  const lines = commands.flatMap((command) => {
    const seen = `-n '__fish_seen_subcommand_from ${command.name}'`
    const words = wordsBehind(command, commands)
    const options = optionsIn(command).map((option) => {
      const value = option.value === undefined ? '' : isPath(option) ? ' -r -F' : ' -x'
      return `complete -c dt ${seen} -l ${option.name.slice(2)}${value} -d '${fishQuoted(option.text)}'`
    })
    return [
      `complete -c dt -n __fish_use_subcommand -a ${command.name} -d '${fishQuoted(command.summary)}'`,
      ...(words.length === 0 ? [] : [`complete -c dt ${seen} -a '${words.join(' ')}'`]),
      ...options,
    ]
  })
  return `# Completion of dt for fish: dt completion fish | source
complete -c dt -f
${lines.join('\n')}
`
}

const fishQuoted = (text: string) => text.replace(/['\\]/g, '\\$&')
