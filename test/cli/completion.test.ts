import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { manPage } from '../../scripts/man-page.js'
import { optionsIn, wordsIn } from '../../src/cli/command-text.js'
import { commandTexts } from '../../src/cli/command-texts.js'
import { run, Terminal } from '../helpers/run.js'
import { MAIN } from '../helpers/serve-process.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'

/** Completions and the manual page, made of the help texts, and read by those who read them. */

const repository = fileURLToPath(new URL('../../../', import.meta.url))
const dir = temporaryDirectory(t)
const scripts = new Map<string, string>()
for (const shell of ['bash', 'zsh', 'fish']) {
  const file = join(dir, `dt.${shell}`)
  writeFileSync(file, execFileSync(process.execPath, [MAIN, 'completion', shell]))
  scripts.set(shell, file)
}

const has = (program: string) => {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`])
    return true
  } catch {
    return false
  }
}

t.test('every option of every usage is found, with its value', async (t) => {
  const of = (name: string) => commandTexts.find((text) => text.name === name)!
  t.same(
    optionsIn(of('up'))
      .map(({ name, value }) => [name, value])
      .slice(0, 2),
    [
      ['--port', 'PORT'],
      ['--nodes', 'N'],
    ],
  )
  for (const text of commandTexts) {
    const lines = text.usage.match(/^ {2}--/gm) ?? []
    t.equal(optionsIn(text).length, lines.length, text.name)
  }
  t.same(wordsIn(of('plan')), ['add', 'remove', 'upgrade'])
  t.same(wordsIn(of('completion')), ['bash', 'zsh', 'fish'])
  t.same(wordsIn(of('nodes')), [])
  t.same(wordsIn(of('import')), [], 'redis:// is no word of it')
})

/** What bash offers for a line whose last word is begun. */
async function inBash(...words: string[]): Promise<string[]> {
  const line = words.map((word) => `'${word}'`).join(' ')
  const script = `source ${scripts.get('bash')}; COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _dt; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { code, stdout, stderr } = await run('bash', ['--norc', '-c', script])
  if (code !== 0 || stderr !== '') throw new Error(stderr)
  return stdout.split('\n').filter((word) => word !== '')
}

t.test('bash completes commands, words, options and files', async (t) => {
  t.same(await inBash('dt', 'pl'), ['plan'])
  t.equal((await inBash('dt', '')).length, commandTexts.length)
  t.same(await inBash('dt', 'plan', ''), [
    'add',
    'remove',
    'upgrade',
    ...optionsIn(commandTexts.find(({ name }) => name === 'plan')!).map(({ name }) => name),
  ])
  t.same(await inBash('dt', 'up', '--no'), ['--nodes'])
  t.same(await inBash('dt', 'serve', '--config', join(dir, 'dt.ba')), [join(dir, 'dt.bash')])
  writeFileSync(join(dir, 'two words'), '')
  t.same(await inBash('dt', 'serve', '--config', join(dir, 'two')), [join(dir, 'two words')], 'with blanks')
  t.same(await inBash('dt', 'up', '--port', ''), [])
  t.same(await inBash('dt', 'help', 'hot'), ['hotkeys'])
})

t.test('bash goes on into a directory', async (t) => {
  mkdirSync(join(dir, 'plain'))
  const bash = Terminal.open(t, 'bash', '--norc')
  bash.type(`PS1='ready> '; cd ${dir}; source ${scripts.get('bash')}\n`)
  await bash.sees(/ready> /)
  bash.type('dt serve --config pla\t')
  await bash.sees(/--config plain\//)
})

t.test('fish completes them', { skip: has('fish') ? false : 'there is no fish' }, async (t) => {
  const inFish = async (line: string) => {
    const { stdout, stderr } = await run('fish', [
      '--no-config',
      '-c',
      `source ${scripts.get('fish')}; complete -C '${line}'`,
    ])
    t.equal(stderr, '')
    return stdout
      .split('\n')
      .map((row) => row.split('\t')[0])
      .filter((word) => word !== '')
  }
  t.same(await inFish('dt pl'), ['plan'])
  t.same((await inFish('dt plan ')).sort(), ['add', 'remove', 'upgrade'])
  t.same(await inFish('dt up --no'), ['--nodes'])
  t.same(await inFish(`dt serve --config ${dir}/dt.ba`), [`${dir}/dt.bash`])
})

t.test('zsh completes them', { skip: has('zsh') ? false : 'there is no zsh' }, async (t) => {
  const zsh = Terminal.open(t, 'zsh', '-f')
  zsh.type("PROMPT='ready> '\n")
  await zsh.sees(/ready> /)
  zsh.type(`autoload -Uz compinit && compinit -D && source ${scripts.get('zsh')} && print loaded\n`)
  await zsh.sees(/\nloaded/)
  for (const [typed, completed] of [
    ['dt pla', /dt plan /],
    ['dt plan upg', /dt plan upgrade /],
    ['dt up --nod', /dt up --nodes /],
  ] as const) {
    zsh.type(`${typed}\t`)
    await zsh.sees(completed)
    zsh.type('\x15')
  }
})

t.test('the manual page is made of the same texts, and read without a complaint', async (t) => {
  const file = join(repository, 'docs/dt.1')
  t.equal(readFileSync(file, 'utf8'), manPage(), 'say: npm run docs')
  if (!has('groff')) return
  const { code, stdout, stderr } = await run('groff', ['-man', '-Tascii', '-ww', '-z', file])
  t.same([code, stdout, stderr], [0, '', ''])
  const shown = (await run('groff', ['-man', '-Tascii', '-P', '-c', file])).stdout.replace(/.\x08/g, '')
  for (const { name, usage } of commandTexts) {
    const option = optionsIn({ name, summary: '', usage }).at(0)
    if (option !== undefined) t.ok(shown.includes(option.name), `${name} ${option.name}`)
  }
  t.match(shown, /EXIT STATUS\n +0 +it was done/)
})
