import { luaText } from '../../base/lua-text.js'
import { PARKED_NAMES } from '../../order/pieces/hidden-name.js'
import { SIZE_SAMPLES } from '../../order/pieces/sized-copy.js'
import { STOP_TRAIN, STOPPED, TRAIN, UNLESS_LATE } from './prologue-keys.js'
import { SLACK } from './prologue-undo.js'
import { WHOLE } from './questions.js'

/*
 * The part of a prologue of a script that is only tried [design §7 Scripts]: that takes back what it has done however it ends, and says instead
 * what it did, or what it would have left of each key that is not as it was:
 *
 *     { 1, deadline, value, '', touched, key, argc, command, argument …, key, … }      it ran to its end: all that it did, each with the one key that it changes
 *     { -1, deadline, value, '', touched, key, deadline, payload … }                   the same, and what it left
 *     { 5, message }                                                                   taking it back failed
 *
 * and so with 2 and 3, see `prologue`. touched: the places of KEYS that it has touched; payload: as DUMP gives it, empty when there is none. The first
 * deadline is the soonest one that a key had which it wrote, or was given. What it left is said where nobody has asked what it did (`e` stands before the
 * limits when somebody has; `f` on a server whose hashes may have fields with deadlines: of hashes it says what it left), where that cannot be said of each key by itself, and where a deadline is so near that a command may come too late: a
 * value that comes too late is gone, but what is added to one that has expired would make another one, without a deadline.
 *
 * No value of more than so many bytes is dumped, and restored, as that would block the server for too long. What they are, a name and
 * which of KEYS are guests stands behind `;` in the argument that says what it may touch. What it leaves that is larger is not dumped, but gets that name with .0, .1 … behind it,
 * and stands on the server's list of such names; its size is told instead of a payload. And before a write to what could not be taken
 * back it is stopped, and names all that it has written: they have to be guests, which are gone with it, so that nothing has to be taken back.
 *
 *     { 4, { 'whole', key … }, deadline }
 */

/** So many commands at most are given to all servers in one turn. */
const NOTED_MAX = 200
/** A deadline that is nearer may pass before what it did is done everywhere; clocks of servers differ by less. */
export const NEAR_MS = 2000

/** over: how large a value may be that is dumped. base: the name of what is parked. isGuest: by their names. says: it says what it did. */
const LIMITS = `
local base,isGuest='',{}
local reach,says,over,name,guests=string.match(A[n-1],'^(.-);([ef]?)(%d+) (%S+)(.*)$')
if reach then A[n-1]=reach over=tonumber(over) base=name end
`

/** U: what it has touched. Z: all names. of: what it has changed, of what is noted: 'due' where the last command gives it its deadline; ek: the key of what is noted next. */
const BEGIN = `
U={} Z={}
local ek
local of,count={},0
for i=1,#KEYS do Z[i]=KEYS[i] end
if over then for w in string.gmatch(guests,'%d+') do isGuest[Z[tonumber(w)]]=true end end
copy=not says or says==''
`

/** About how many bytes a value takes. */
const ROOM = `
local function room(k)
if not over then return 0 end
local s=rpc('MEMORY','USAGE',k,'SAMPLES','${SIZE_SAMPLES}')
return type(s)=='number' and s or 0
end
`

/** A guest need not be given back, and then it is true instead of what it was. */
const IMAGE_GUEST = `
if isGuest[k] and (not copy or room(k)>over) then
local t=rpc('PEXPIRETIME',k)
np=np+1
N[np]=k
P[k]={t,t~=-2}
return
end
`

const IMAGE_SIZE = `
if over and room(k)>over then
stop={'${WHOLE}'}
for i=1,np do if not isGuest[N[i]] then stop[#stop+1]=N[i] end end
stop[#stop+1]=k
error(S)
end
`

const LOG_KEY = `
ek=text(ek)
of[ek]=(t[1]=='PEXPIREAT' or (t[1]=='SET' and t[4]=='PXAT')) and 'due' or true
nl=nl+1
L[nl]=ek
bytes=bytes+#ek
count=count+1
if count>${NOTED_MAX} then bytes=math.huge end
`

/** A command on several keys is noted as what it does to each of them, where that is simple. */
const NOTE_EACH = `
local function noteEach(l,n,name,ks,r,a,c)
if copy then return end
if #ks==1 and l~='k' then
ek=ks[1]
return note(l,n,r,a,c)
end
if name=='del' or name=='unlink' then
for i=1,#ks do
local k=text(ks[i])
if of[k] or (O[k] or P[k])[2] then
ek=k
log(n,k)
end
end
elseif name=='rpoplpush' or name=='lmove' then
if not r then return end
local from,to='RPOP','LPUSH'
if name=='lmove' then from=(lower(a[3])=='left' and 'L' or 'R')..'POP' to=(lower(a[4])=='left' and 'L' or 'R')..'PUSH' end
ek=a[1]
log(from,a[1])
ek=a[2]
log(to,a[2],r)
else unknown() end
end
`

/** Entries that a large stream gets in the end: they are not added, but noted, unless it is said what it leaves. */
const ADDS = `
if #adds>0 then
for i=1,#adds do
local q=adds[i]
local k,a,c=q[1],q[3],q[4]
local e,i=ids[k],2
e[3]=e[3]+1
local b={k}
if lower(a[2])=='maxlen' then
i=(a[3]=='~' or a[3]=='=') and 5 or 4
local more=e[3]-tonumber(a[i-1])
if more>=(a[3]=='~' and ${SLACK} or 1) then
b={k,a[2],'=',a[i-1]}
e[3]=e[3]-more
end
end
for j=i,c do b[#b+1]=a[j] end
ek=k
log(q[2],unpack(b))
end
for k,e in pairs(ids) do if e[4]>0 then ek=k log('PEXPIREAT',k,at(e[4])) end end
if copy then
rp(function() for k in pairs(ids) do added(k) end end)
if broken then ok,r=false,{err=broken.err} end
end
end
`

/**
 * Before it is known whether it was stopped: what it did can be said, or what that left. A key with a deadline gets that behind all that was done to it, also if
 * it had it before: if it expires before that is done somewhere, what was added would make another one, which is gone by that.
 */
const FINISH = `
local near=0
if not stop then
near=first
for i=1,np do local t=(O[N[i]] or P[N[i]])[1] if t>0 and (near==0 or t<near) then near=t end end
$near_later
if near>0 and not copy then
local now=rpc('TIME')
if near<now[1]*1000+${NEAR_MS} then copy=true end
end
if not copy then
for i=1,np do
local k=N[i]
local t,now=(O[k] or P[k])[1],of[k] and rpc('PEXPIRETIME',k) or -2
if t>0 and now==-1 then copy=true end
if now>0 and of[k]~='due' then
ek=k
log('PEXPIREAT',k,at(now))
end
if says=='f' and of[k] and rpc('TYPE',k).ok=='hash' then copy=true end
end
end
$adds_in_the_end
end
if copy and over and not stop then
local large={}
for i=1,np do if O[N[i]] and room(N[i])>over then large[1]=true end end
if large[1] then
stop={'${WHOLE}'}
for i=1,np do if not isGuest[N[i]] then stop[#stop+1]=N[i] end end
end
end
`

const NEAR_LATER = `
for _,e in pairs(ids) do if e[4]>0 and (near==0 or e[4]<near) then near=e[4] end end
`

const LEFT = `
local function left()
local t=''
for i=1,#Z do if U[Z[i]] or of[Z[i]] then t=t..i..' ' end end
if copy then
L={0,0,0,''}
nl=5
end
L[5]=t
if not did then return end
if not copy then return undo() end
local m,list=0,${luaText(PARKED_NAMES.toString('latin1'))}
for i=1,np do
local k=N[i]
local t,s,p,d=rpc('PEXPIRETIME',k),room(k),base..'.'..m
if over and s>over and not bad(rpc('SADD',list,p)) and not bad(rpc('RENAME',k,p)) then
rpc('PERSIST',p)
d=s
m=m+1
else
d=rpc('DUMP',k) or false
end
if O[k] or d~=P[k][2] or t~=P[k][1] then L[nl+1]=k L[nl+2]=at(t) L[nl+3]=d or '' nl=nl+3 end
end
local failed=undo()
if failed then for i=0,m-1 do rpc('UNLINK',base..'.'..i) rpc('SREM',list,base..'.'..i) end end
return failed
end
`

const END = `
local failed=left()
if failed then return {5,failed} end
first=copy and soon or near
`

/** What a script needs in some places when it is only tried, and when it may be sent before others. @param maySayLater whether there is `adds` */
export function trialParts(
  isTrial: boolean,
  staysInside: boolean,
  maySayLater: boolean,
): Readonly<Record<string, string>> {
  const ofOthers = {
    train: TRAIN,
    unless_late: staysInside ? '' : UNLESS_LATE,
    stop_train: STOP_TRAIN,
    note_one: 'note(l,n,r,a,c)',
    stopped: staysInside ? '' : STOPPED,
    in_order: 'K',
  }
  const parts = {
    limits: LIMITS,
    begin: BEGIN,
    room: ROOM,
    image_guest: IMAGE_GUEST,
    image_size: IMAGE_SIZE,
    note_touched: 'U[k]=true',
    log_key: LOG_KEY,
    put_key: `of[ek]=n=='PEXPIREAT' and 'due' or true put(ek) count=count+1 if count>${NOTED_MAX} then bytes=math.huge end`,
    set_key: 'ek=text(k)',
    note_each: NOTE_EACH,
    near_later: maySayLater ? NEAR_LATER : '',
    adds_in_the_end: maySayLater ? ADDS : '',
    left: LEFT,
    add_begins: 'U[k]=nil e[3],e[4]=l,rpc("PEXPIRETIME",k)',
    add_ends: 'U[k]=true',
    add_key: 'ek=q[1]',
    unless_noted: 'not copy and',
    in_order: 'U',
    note_one: 'noteEach(l,n,name,ks,r,a,c)',
    stopped: FINISH + STOPPED + END,
  }
  return isTrial ? { ...none(ofOthers), ...parts } : { ...none(parts), ...ofOthers }
}

function none(parts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(parts).map((name) => [name, '']))
}
