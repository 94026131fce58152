import { luaText } from '../../base/lua-text.js'
import { ANYWHERE, AS_KEYS, BEHIND_KEYS, type Options } from '../../command/options.js'
import { allRows } from '../../command/table.js'

/*
 * The part of a prologue that refuses what not all members would understand, while these are of several kinds, as in an upgrade: the
 * server that executes the script may be a newer one, and the others have to hold what it leaves. `oldWords` says as a table of Lua
 * which words the writing commands had in Redis 7.0, see command/options.ts:
 *
 *     G   by the name of the command: f, t  the places of the first word and, when words stand in fixed places, of the last one
 *                                     k     that of the number of keys, when they stand behind these
 *                                     w     the words: how many arguments each takes, 100 more when a sign may stand before these, -1 for
 *                                           as many as there are keys
 *                                     r, s  what follows them; of numbers, how many belong together
 *         '': what is said of a call that is in no such form
 *         a text instead: what is said of any call of this command
 *
 * Of a function, which is the same at all times, each call brings it, beside what `prologue-rights` needs.
 */
const WORDS = `
local function wordAt(a,i) return lower(match(tostring(text(a[i])),'^%Z*')) end
local function numeric(v)
v=tostring(text(v))
local w=lower(match(v,'^%Z*'))
return find(v,'^[%d+.-]')~=nil or w=='inf' or w=='infinity' or w=='nan'
end
local function id(v)
v=tostring(text(v))
return v=='*' or (#v<=41 and (find(v,'^%d+$') or find(v,'^%d+%-%d+$') or find(v,'^%d+%-%*$')))
end
local function isOld(o,a,c)
if c<o.f then return true end
if o.t then
for i=o.f,o.t do if i<=c and not o.w[wordAt(a,i)] then return false end end
return true
end
if o.r=='numbers' and numeric(a[o.f]) then return (c+1-o.f)%o.s==0 end
local i,ks=o.f,0
if o.k then
ks=tonumber(match(tostring(text(a[o.k])),'^%d+$')) or 0
i=o.k+1+ks
end
while i<=c do
local t=o.w[wordAt(a,i)]
if not t then break end
i=i+1
if t>=100 then
t=t-100
if i<=c and (a[i]=='=' or a[i]=='~') then i=i+1 end
end
i=i+(t<0 and ks or t)
end
if i>c then return true end
if o.r=='numbers' then return numeric(a[i]) and (c+1-i)%o.s==0 end
if o.r=='id' then return id(a[i]) end
return o.r=='streams' and wordAt(a,i)=='streams'
end
local function tooNew(n,...)
if type(n)~='string' then return end
local a,c,name={...},select('#',...),lower(n)
local o=G[name]
if not o and c>0 then
name=name..'|'..lower(tostring(a[1]))
o=G[name]
end
if type(o)=='string' then return {err=o} end
if o and not isOld(o,a,c) then return {err="ERR an argument of '"..name.."'"..G['']} end
end
`

/** Asks, as in `Needs`. */
const REFUSE = 'local new=tooNew(n,...) if new then return new end'

/** What stands in the prologue while members are of several kinds, or where each call brings the words; nothing otherwise. */
export function wordParts(words: string | 'brought' | undefined): Readonly<Record<string, string>> {
  if (words === undefined) return { words: '', refuse_words: '' }
  if (words === 'brought') return { words: WORDS, refuse_words: `if G then ${REFUSE} end` }
  return { words: `local G=${words} ${WORDS}`, refuse_words: REFUSE }
}

/**
 * @param refused what is said behind the name of a command whose arguments are in no form of Redis 7.0
 * @param unknown what is said of commands that not all members have, by their names
 */
export function oldWords(refused: string, unknown: ReadonlyMap<string, string>): string {
  const rows = allRows().flatMap(({ name, options, numkeysAt, replicate }) => {
    return options === undefined || replicate === 'none' ? [] : [`[${luaText(name)}]=${formOf(options, numkeysAt)}`]
  })
  for (const [name, said] of unknown) rows.push(`[${luaText(name)}]=${luaText(Buffer.from(said).toString('latin1'))}`)
  return `{${rows.join(',')},['']=${luaText(Buffer.from(refused).toString('latin1'))}}`
}

function formOf({ from, to, words, rest, size }: Options, numkeysAt: number): string {
  const old = words.filter(({ newer }) => !newer)
  const parts = old.map(({ text, args, signed }) => `['${text}']=${args === AS_KEYS ? -1 : args + (signed ? 100 : 0)}`)
  return [
    `{f=${from === BEHIND_KEYS ? 0 : from}`,
    ...(to === ANYWHERE ? [] : [`t=${to}`]),
    ...(from === BEHIND_KEYS ? [`k=${numkeysAt}`] : []),
    `r='${rest}'`,
    `s=${size}`,
    `w={${parts.join(',')}}}`,
  ].join(',')
}
