import type { ScriptRights } from '../../command/row.js'
import { ANSWERS, ASK, EXPECTED, KEYS_AT_HAND, SHORT_TOUCH, TOUCH, UNLESS_EXPECTED } from './prologue-keys.js'
import { NOTE } from './prologue-notes.js'
import { partsOf } from './prologue-rights.js'
import { SORT_WORDS, SORTED } from './prologue-sort.js'
import { trialParts } from './prologue-trial.js'
import { undoParts } from './prologue-undo.js'
import { wordParts } from './prologue-words.js'

/*
 * The Lua that stands before and around a client's script [design §7 Scripts]. It is executed on the master alone, and gives what the
 * script has done beside what it says:
 *
 *     { 1, deadline, value, '', touched, effects … }         it ran to its end
 *     { 2, deadline, 0, '', touched, effects … }             the same, and it says nothing
 *     { 3, deadline, message, where, touched, effects … }    it failed there, and what it did before that stays
 *     { 4, key, deadline }                                   it named a key that it may not touch now: nothing has happened
 *     { 4, key, deadline, message }                          the same, and taking back what it had done failed
 *
 * The key is an array when it asked a question instead, see `questions`: what that says. So is where it failed when it published messages or was refused
 * something, behind which these stand: command, channel, text …; or `!` and how often, why, what.
 *
 * touched: which of the keys that are not the client's it has touched, by their places behind the client's; only of one that may leave its keys.
 * effects: texts, for each command their number and then so many. When they are not known, there are none, and -1, -2, -3 stand for 1, 2, 3.
 * deadline: the first one in ms that was given to a key, or 0. It is one array, because a server takes long for each one in another. In the end of ARGV stands 'o' when there is no memory (and behind that, or another letter, what `prologue-rights` says); before that, when it is looked at what keys the
 * script touches, what stands in `prologue-keys`.
 *
 * It is one line, so that the lines of errors are the client's. Where `$…` stands the wrapper puts in what this script needs.
 */

/** What runs a command. Without a way out all keys are in order. */
const COMMANDS = `
local R,rpc,rp,H=redis,redis.pcall,pcall,__redis__err__handler
local type,select,tostring,tonumber,error,pairs,unpack,setmetatable,xpcall,load,loadstring=type,select,tostring,tonumber,error,pairs,unpack,setmetatable,xpcall,load,loadstring
local fmt,sub,lower,byte,find,match,concat,A=string.format,string.sub,string.lower,string.byte,string.find,string.match,table.concat,ARGV
local L,nl,bytes,copy,first,wrote,did,stop,lines,S=$head,0,false,0,false,false,nil,{},{err='ERR stopped'}
local T,B,W,M=$specs,$all
local n=#A
local mine=A[n]
local oom=string.byte(mine)==111
A[n]=nil
$keys
local function text(v) if type(v)=='number' then return fmt('%.17g',v) end return v end
local function log(...)
if copy then return end
local c,t=select('#',...),{...}
$log_key nl=nl+1
L[nl]=tostring(c)
for i=1,c do local v=t[i] if type(v)=='number' then v=fmt('%.17g',v) end nl=nl+1 L[nl]=v bytes=bytes+#v+16 end
if bytes>$bytes then copy=true L={0,0,0,''} end
end
local function unknown() copy=true L={0,0,0,''} end
local function bad(r) return type(r)=='table' and r.err~=nil end
local function due(k)
local t=rpc('PEXPIRETIME',k)
if t>0 and (first==0 or t<first) then first=t end
return t
end
local function at(t) return fmt('%.0f',t) end
$touch
local function keysOf(s,a,c)
local ks,m={},1
if s=='1' then ks[1]=a[1]
elseif byte(s)==110 then
local p=tonumber(match(s,'%d+'))
if sub(s,-1)=='d' then ks[1]=a[1] m=2 end
local q,z=tonumber(a[p]) or 0,tonumber(match(s,',(%d+)')) or 1
for i=p+1,p+q*z,z do if i>c then break end ks[m]=a[i] m=m+1 end
elseif s=='s' then
for i=lower(tostring(a[1]))=='group' and 4 or 1,c do if lower(tostring(a[i]))=='streams' then for j=i+1,i+(c-i)/2 do ks[m]=a[j] m=m+1 end break end end
elseif s=='o' or s=='g' then
ks[1]=a[1]
m=2
for i=s=='o' and 2 or 5,c do
local w=lower(tostring(a[i]))
if w=='store' or w=='storedist' then ks[m]=a[i+1] m=m+1 end
end
else
local f,l,p=match(s,'(%d+),(-?%d+),(%d+)')
f,l,p=tonumber(f),tonumber(l),tonumber(p)
if l<0 then l=c+1+l end
for i=f,l,p do ks[m]=a[i] m=m+1 end
end
return ks
end
$sort_words
$sort
$ask
local function has(a,c,from,word) for i=from,c do if lower(tostring(a[i]))==word then return true end end return false end
$note $note_each
$adds
local function specIn(name)
local _,e=find(B,'\\n'..name..' ',1,true)
return e and match(B,'^%S+',e+1)
end
local function specOf(name) return not find(name,'|',1,true) and specIn(name) or nil end
local function other(s,n,...)
if type(n)~='string' then if n==nil and select('#',...)==0 then return rpc() end return rpc(n,...) end
local a,c={...},select('#',...)
local name=lower(n)
if s==nil then s=specOf(name) end
if s=='C' then
if c==0 then
if name=='command' then return ask(name,a,c,true) end
return rpc(n,...)
end
name=name..'|'..lower(tostring(a[1]))
s=specIn(name)
end
if s==nil then return {err='ERR Unknown Redis command called from script'} end
if s=='-' then return rpc(n,...) end
if s=='q' then return ask(name,a,c) end
local h=sub(s,1,1)
local w=(h=='N' or h=='n' or h=='i') and tonumber(match(s,'-?%d+'))
if w and (c+1<math.abs(w) or (w>0 and c+1~=w)) then return {err='ERR Wrong number of args calling Redis command from script'} end
if h=='N' then return {err='ERR This Redis command is not allowed from script'} end
if h=='i' then return ask(name,a,c,true) end
if h=='n' or (lower(h)=='d' and has(a,c,3,'db')) then return {err="ERR '"..name.."' is not executed inside scripts by this proxy: a script runs on one server of its keys, in one database; nothing of it was applied, send it as a command of its own"} end
local ks=keysOf(sub(s,2),a,c)
$check_sorted
if h=='r' then $check_all return rpc(n,...) end
local l=lower(h)
if h~=l and oom and not wrote then return {err="OOM command not allowed when used memory > 'maxmemory'."} end
$add_later
$check_all
$trim_nothing $image_all
wrote=true
local r=rpc(n,...)
if not bad(r) then did=true if l=='c' then for i=1,#ks do due(ks[i]) end end $note_one end
return r
end
$rights_of_user
$words
$ended
local function run(n,...)
if stop then error(S) end
$if_ended
$forbid
$refuse_words
local s=T[n]
if s=='r1' then $check_one return rpc(n,...) end
if s=='w1' or s=='W1' then
if s=='W1' and oom and not wrote then return {err="OOM command not allowed when used memory > 'maxmemory'."} end
$check_one
$image_one
wrote=true
local r=rpc(n,...)
if type(r)~='table' or r.err==nil then did=true $set_key log(n,...) end
return r
end
return other(s,n,...)
end
local function raise(r)
local _,w=rp(error,'',4)
lines[r]=match(w,':(%d+): $')
error(r)
end
local function call(...) local r=run(...) if type(r)=='table' and r.err~=nil then raise(r) end return r end
$checked
`

/** The same, for a script that only names commands of one key that are noted as they are, or give it a deadline. */
const SHORT_COMMANDS = `
local R,rpc,rp,H=redis,redis.pcall,pcall,__redis__err__handler
local type,select,tostring,error,xpcall,A=type,select,tostring,error,xpcall,ARGV
local L,nl,bytes,copy,first,wrote,did,stop,lines,S=$head,0,false,0,false,false,nil,nil,$stop_error
local n=#A
local oom=A[n]=='o'
A[n]=nil
$keys
local function put(v)
if type(v)=='number' then v=string.format('%.17g',v) end
nl=nl+1
L[nl]=v
bytes=bytes+#v+16
end
local function log(n,a,b,...)
if copy then return end $put_key
local c=b==nil and 2 or 3+select('#',...)
nl=nl+1
L[nl]=c==2 and '2' or c==3 and '3' or c..''
put(n)
put(a)
if c>2 then put(b) end
if c>3 then for i=1,c-3 do put((select(i,...))) end end
if bytes>$bytes then copy=true L={0,0,0,''} end
end
$short_touch
local function run(n,...)
$if_stopped
local s=$spec_of
if s=='r1' then $check_one return rpc(n,...) end
if s=='W1' and oom and not wrote then return {err="OOM command not allowed when used memory > 'maxmemory'."} end
$check_one
$image_one
wrote=true
local r=rpc(n,...)
if type(r)=='table' and r.err~=nil then return r end
did=true $set_key
if s~='e1' then log(n,...)
elseif r==1 then
local k=...
local t=rpc('PEXPIRETIME',k)
if t<0 then log('UNLINK',k)
else
if first==0 or t<first then first=t end
log('PEXPIREAT',k,string.format('%.0f',t))
end
end
return r
end
local function raise(r)
local _,w=rp(error,'',4)
lines={[r]=string.match(w,':(%d+): $')}
error(r)
end
local function call(...) local r=run(...) if type(r)=='table' and r.err~=nil then raise(r) end return r end
`

/** What runs the script and says what came of it. */
const RUN = `
local function whole(f)
$unless_late local ok,r=xpcall(f,H)
$end
$stopped $add_last
L[2]=first
$tell_touched
if ok then
L[3]=r
L[1]=copy and -1 or 1
if r==nil then L[3]=0 L[1]=copy and -2 or 2 end
$messages
return L
end
local m,w='ERR '..tostring(r),''
if type(r)=='table' then
m=rawget(r,'err')
if type(m)=='number' then m=tostring(m) end
if type(m)~='string' then m='ERR the script raised an error that has no text' end
local line=lines and lines[r] or rawget(r,'line')
if rawget(r,'source') and line then w=tostring(rawget(r,'source'))..':'..tostring(line) end
end
L[1]=copy and -3 or 3
L[3]=m
L[4]=w
$messages
return L
end
`

/** Everything that a script could reach the servers by. */
const SHADOWS = `
local function ro() error('Attempt to modify a readonly table',2) end
local shadow={}
for k,v in pairs(R) do shadow[k]=v end
shadow.call,shadow.pcall=call,run
$shadow_of_check
shadow.set_repl=function(...) local ok,e=rp(R.set_repl,...) R.set_repl(R.REPL_ALL) if not ok then raise({err=e}) end end
local shadowed=setmetatable({},{__index=shadow,__newindex=ro,__metatable=false})
local given={redis=shadowed}
local globals=setmetatable({},{__index=setmetatable(given,{__index=_G}),__newindex=ro,__metatable=false})
given._G=globals
local function after(ok,...) if stop then error(S) end return ok,... end
given.pcall=function(...) return after(rp(...)) end
given.xpcall=function(...) return after(xpcall(...)) end
given.loadstring=function(s,name)
local f,e=loadstring(s,name)
if not f then return f,e end
if byte(s)==27 then return nil end
f,e=loadstring('local redis,_G,load,loadstring,pcall,xpcall=... return function(...) '..s..'\\nend',name or s)
if not f then return f,e end
return f(shadowed,globals,given.load,given.loadstring,given.pcall,given.xpcall)
end
given.load=function(f,name)
if type(f)~='function' then return load(f,name) end
local t={}
while true do
local p=f()
if p==nil or p=='' then break end
t[#t+1]=p
end
return given.loadstring(concat(t),name or '=(load)')
end
return whole,shadowed,globals,given.load,given.loadstring,given.pcall,given.xpcall
`

const KEPT =
  'ERR redis.call of an earlier call was kept by the library, which this proxy does not serve: take it from redis in each call'

/** Where a script only uses some fields of `redis`, and nothing else that would have to be seen to. */
const PLAIN = `
return whole,{$fields}
`

/** What a script gets instead of the server's, where it gets all. */
export const SHADOWED = 'redis,_G,load,loadstring,pcall,xpcall'
/** The handler of errors that the server gives to scripts, but not to functions. */
export const HANDLER = '__redis__err__handler'

/** No specs, as a text of Lua. */
export const NONE = "''"

/** What a script needs of it. */
export interface Needs {
  /** The commands that are named in it, as Lua texts, with their specs; see command-specs. */
  readonly specs: readonly { readonly name: string; readonly spec: string }[]
  /** All specs, where it makes up names of commands, or calls some that have subcommands. */
  readonly all: string
  /** It only names commands that need no more than `SHORT_COMMANDS`. */
  readonly isShort: boolean
  /** The fields of `redis` that it uses, when it can do without the other shadows. */
  readonly fields: ReadonlySet<string> | undefined
  /** No key has to be looked at. */
  readonly staysInside: boolean
  /** All that it does is taken back in the end, see `prologue-keys`; then it does not stay inside. */
  readonly isTrial: boolean
  /** What its user may do, and what commands do, as tables of Lua: see `prologue-rights`; undefined for who may do everything; or each call brings them. */
  readonly rights: ScriptRights | 'brought' | undefined
  /** The words that its commands may have, as `oldWords` gives them; undefined while all members are of one kind; or each call brings them. */
  readonly words: string | 'brought' | undefined
  /** It can write nothing, so nothing has to be taken back. */
  readonly readsOnly: boolean
  /** Of effects; beyond it the keys are copied. */
  readonly maxBytes: number
}

/** What stands before the script, on its first line, and behind it. @param whole what runs it: no name of the script's, which would forge effects by it */
export function prologueOf(needs: Needs, whole: string): { readonly before: string; readonly behind: string } {
  const names = needs.fields === undefined ? `,${SHADOWED}` : ',redis'
  return {
    before: `local ${whole}${names}=(function() local rawget=rawget ${linesOf(needs)} end)() return ${whole}(function(...) `,
    behind: '\nend)',
  }
}

/** The same in one line that ends by giving what runs the script, and what is called as `SHADOWED`. */
export function linesOf(needs: Needs): string {
  const { staysInside, readsOnly, isTrial, rights, words } = needs
  const maySort = needs.all !== NONE || needs.specs.some(({ spec }) => spec[1] === 'o')
  const parts: Readonly<Record<string, string>> = {
    specs: `{${needs.specs.map(({ name, spec }) => `[${name}]='${spec}'`).join(',')}}`,
    spec_of: needs.specs.map(({ name, spec }) => `n==${name} and '${spec}'`).join(' or ') || 'nil',
    all: needs.all,
    bytes: String(needs.maxBytes),
    keys: staysInside ? '' : KEYS_AT_HAND,
    ...trialParts(isTrial, staysInside, !needs.isShort && !readsOnly),
    answers: needs.isShort ? '' : ANSWERS,
    ask: staysInside ? 'local ask' : ASK,
    messages: needs.isShort ? '' : '$noted if M then M[1]=L[4] L[4]=M end',
    head: staysInside ? "{0,0,0,''},4" : "{0,0,0,''},5",
    touch: staysInside ? '' : TOUCH,
    sort_words: maySort ? SORT_WORDS : '',
    sort: maySort && !staysInside ? SORTED : '',
    check_sorted: maySort && !staysInside ? 'if byte(s,2)==111 then sorted(a,c) end' : '',
    meet: isTrial ? '' : 'if X[k] then touch(k) end',
    expected: isTrial ? '' : EXPECTED,
    unless_expected: isTrial ? '' : UNLESS_EXPECTED,
    tell_touched: staysInside || isTrial ? '' : 'L[5]=V',
    note: NOTE,
    short_touch: staysInside ? '' : SHORT_TOUCH,
    stop_error: staysInside ? 'nil' : "{err='ERR stopped'}",
    if_stopped: staysInside ? '' : 'if stop then error(S) end',
    check_one: staysInside ? '' : 'local k=... if not $in_order[k] then touch(k) end',
    check_all: staysInside ? '' : 'for i=1,#ks do touch(ks[i]) end',
    image_one: staysInside || readsOnly ? '' : 'if not P[k] then image(k,n,...) end',
    image_all:
      staysInside || readsOnly
        ? ''
        : 'for i=1,#ks do if #ks<3 then image(ks[i],n,unpack(a,1,c)) else image(ks[i]) end end',
    ...undoParts(needs),
    // What a library keeps of one call would write behind the back of the next.
    ended: rights === 'brought' ? `local ended,kept=false,{err='${KEPT}'}` : '',
    if_ended: rights === 'brought' ? 'if ended then error(kept) end' : '',
    end: rights === 'brought' ? 'ended=true' : '',
    ...partsOf(rights),
    ...wordParts(words),
    fields: [...(needs.fields ?? [])].map((name) => fieldOf(name, rights)).join(','),
  }
  const ending = needs.fields === undefined ? SHADOWS : PLAIN
  const fill = (lua: string): string => lua.replace(/\$(\w+)/g, (_all, name: string) => fill(parts[name]))
  return fill((needs.isShort ? SHORT_COMMANDS : COMMANDS) + RUN + ending).replaceAll('\n', ' ')
}

function fieldOf(name: string, rights: Needs['rights']): string {
  if (name === 'acl_check_cmd' && rights !== undefined) return 'acl_check_cmd=checked'
  if (name === 'call') return 'call=call'
  return name === 'pcall' ? 'pcall=run' : `${name}=R.${name}`
}
