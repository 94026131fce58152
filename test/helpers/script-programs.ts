import fc from 'fast-check'

/** Executes the commands that its arguments are: the number of words of each stands before it. Its replies are an array. */
export const INTERPRETER = `
local replies, i = {}, 1
while i <= #ARGV do
  local n = tonumber(ARGV[i])
  replies[#replies + 1] = redis.pcall(unpack(ARGV, i + 1, i + n)) or false
  i = i + n + 1
end
return replies`

export function argumentsOf(commands: readonly (readonly Buffer[])[]): Buffer[] {
  return commands.flatMap((args) => [Buffer.from(String(args.length)), ...args])
}

/** How a script is written that executes some commands. */
export interface Style {
  readonly setresp: boolean
  readonly call: 'redis.pcall' | 'pcall' | 'local'
  readonly end: 'return' | 'error' | 'call'
  /** How many of its keys are declared, at most. */
  readonly declared: number
}

export const style: fc.Arbitrary<Style> = fc.record({
  setresp: fc.boolean(),
  call: fc.constantFrom('redis.pcall', 'pcall', 'local'),
  end: fc.constantFrom('return', 'return', 'return', 'error', 'call'),
  declared: fc.constantFrom(0, 1, 100, 100),
})

/** A script that executes the commands, with its keys as KEYS where these are declared; `isTold`: its reply is the same on any server. */
export function scriptOf(
  commands: readonly { readonly args: readonly Buffer[]; readonly isTold: boolean }[],
  isKey: (word: Buffer) => boolean,
  { setresp, call, end, declared }: Style,
): { readonly source: Buffer; readonly keys: readonly Buffer[] } {
  const keys: Buffer[] = []
  const word = (bytes: Buffer, i: number) => {
    if (i === 0 || !isKey(bytes)) return quoted(bytes)
    let at = keys.findIndex((key) => key.equals(bytes))
    if (at < 0 && keys.length < declared) at = keys.push(bytes) - 1
    return at < 0 ? quoted(bytes) : `KEYS[${at + 1}]`
  }
  const lines = ['local r = {}']
  if (setresp) lines.push('redis.setresp(3)')
  if (call === 'local') lines.push('local p = redis.pcall')
  for (const { args, isTold } of commands) {
    const words = args.map(word).join(', ')
    const called =
      call === 'pcall' ? `select(2, pcall(redis.call, ${words}))` : `${call === 'local' ? 'p' : call}(${words})`
    lines.push(isTold ? `r[#r + 1] = ${called} or false` : `local _ = ${called}`)
  }
  if (end === 'error') lines.push("error('the end')")
  else if (end === 'call') lines.push("return redis.call('incr', 'string1' .. ARGV[1])")
  else lines.push('return r')
  return { source: Buffer.from(lines.join('\n'), 'latin1'), keys }
}

function quoted(bytes: Buffer): string {
  return `"${[...bytes].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`
}
