/** Writes docs/commands.md from the command table: `npm run docs`. */
import { writeFileSync } from 'node:fs'
import { commandsPage } from './commands-page.js'

writeFileSync('docs/commands.md', commandsPage())
