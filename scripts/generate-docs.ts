/** Writes the pages of docs/ that are made from tables: `npm run docs`. */
import { writeFileSync } from 'node:fs'
import { commandsPage } from './commands-page.js'
import { errorsPage } from './errors-page.js'
import { eventsPage } from './events-page.js'
import { manPage } from './man-page.js'
import { metricsPage } from './metrics-page.js'
import { settingsPage } from './settings-page.js'

writeFileSync('docs/commands.md', commandsPage())
writeFileSync('docs/errors.md', errorsPage())
writeFileSync('docs/events.md', eventsPage())
writeFileSync('docs/metrics.md', metricsPage())
writeFileSync('docs/dt.1', manPage())
writeFileSync('docs/settings.md', settingsPage())
