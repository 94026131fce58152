import { luaText } from '../../base/lua-text.js'
import { guestName, PARKED_NAMES, STOPPED_TRAIN } from '../../order/pieces/hidden-name.js'
import { SIZE_SAMPLES } from '../../order/pieces/sized-copy.js'
import { LATE, WHOLE } from './questions.js'

/*
 * The part of a prologue that looks at what keys a script touches, and takes back what it has done [design §7 Scripts].
 *
 * Before the last argument stands what it may touch: how many of KEYS, the last ones, are not the client's, but may be touched as
 * well, and behind that the places of those that may not. Where questions were answered (see `questions`), the answers stand before that, and it
 * begins with q and the number of these arguments.
 *
 * A script that is only tried takes back what it has done however it ends, and says instead what it would have left, of each key
 * that is not as it was:
 *
 *     { 1, deadline, value, '', touched, key, deadline, payload … }         the same with 2 and 3
 *     { 5, message }                                                        taking it back failed
 *
 * touched: the places of KEYS that it has touched; payload: as DUMP gives it, empty when there is none. The first deadline is the soonest
 * one of those that were given back to keys: when that has passed in this moment, the key is gone without a word.
 *
 * No value of more than so many bytes is dumped, and restored, as that would block the server for too long. What they are, a name and
 * which of KEYS are guests stands behind `;` in the same argument. What it leaves that is larger is not dumped, but gets that name with .0, .1 … behind it,
 * and stands on the server's list of such names; its size is told instead of a payload. And before a write to what could not be taken
 * back it is stopped, and names all that it has written: they have to be guests, which are gone with it, so that nothing has to be taken back.
 *
 *     { 4, { 'whole', key … }, deadline }
 *
 * One that others may be sent behind [trains.ts] has the name of its train before all that, behind `t`, and `+` when it is not the first. When it is
 * stopped it says so on the server, under that name, and those behind it look there before they begin:
 *
 *     { 4, { 'late' }, 0 }
 */

export const SHORT_TOUCH = `
local function text(v) if type(v)=='number' then return string.format('%.17g',v) end return v end
local function bad(r) return type(r)=='table' and r.err~=nil end
local function at(t) return string.format('%.0f',t) end
$touch
`

/** K: what may be touched. P: what was there before the first write, N: in this order. */
export const KEYS_AT_HAND = `
$train
local K,P,N,np,soon,U,Z={},{},{},0,0
local more,F
$limits
$answers
for w in string.gmatch(A[n-1],'%d+') do if more then F=F or {} F[tonumber(w)]=true else more=tonumber(w) end end
for i=1,#KEYS do if not F or not F[i] then K[KEYS[i]]=true end end
$expected
$begin
for i=#KEYS,#KEYS-more+1,-1 do KEYS[i]=nil end
A[n-1]=nil
`

/** X: the places of keys that are not the client's, and that it has not touched; V: of those that it has. */
export const EXPECTED = `
local X,V={},''
for i=1,more do
local k=KEYS[#KEYS-more+i]
K[k]=nil
X[k]=i
end
for i=1,#KEYS-more do if not F or not F[i] then K[KEYS[i]]=true end end
`

export const UNLESS_EXPECTED = "if X[k] then K[k]=true V=V..X[k]..' ' return end"

/** W: what is answered to questions, by these. M: messages that it publishes. */
export const ANSWERS = `
local m=tonumber(match(A[n-1],'^q(%d+) ') or 0)
if m>0 then
A[n-1]=string.gsub(A[n-1],'^q%d+ ','')
W={}
local i=n-1-m
while i<n-1 do
local v,c={},tonumber(A[i+2])
for j=1,c do v[j]=A[i+2+j] end
W[A[i]]={A[i+1],v}
i=i+3+c
end
for j=n-1-m,n-2 do A[j]=nil end
end
`

/** The name of a set that is there for a moment, within a script: no command has so many guests. */
const OWN_SET = luaText(guestName(999_999).toString('latin1'))

/**
 * What is told of all keys was so before the script: it has itself made some since, and deleted others. Which of these match a pattern a
 * server says, of a set of them.
 */
const CHANGED = `
local function changed(v,pattern,kind)
local mine,new,t={},{},{}
for i=1,np do
local k=N[i]
mine[k]=true
if rpc('EXISTS',k)==1 and (not kind or rpc('TYPE',k).ok==kind) then new[#new+1]=k end
end
for i=1,#v do if not mine[v[i]] then t[#t+1]=v[i] end end
if #new==0 then return t end
local set=${OWN_SET}
local r=rpc('SADD',set,unpack(new))
if bad(r) then return r end
local c,seen='0',{}
repeat
r=rpc('SSCAN',set,c,'MATCH',pattern,'COUNT',2000)
c=r[1]
for i=1,#r[2] do local k=r[2][i] if not seen[k] then seen[k]=true t[#t+1]=k end end
until c=='0'
rpc('UNLINK',set)
return t
end
local function option(a,c,word) for i=2,c-1,2 do if lower(a[i])==word then return a[i+1] end end end
`

/** What no one server can tell. Asked with a wrong number of arguments the server says so. */
export const ASK = `${CHANGED}
local function built(v,i)
local t,x=sub(v[i],1,1),sub(v[i],2)
if t=='*' then
local l={}
i=i+1
for j=1,tonumber(x) do l[j],i=built(v,i) end
return l,i
end
if t==':' then x=tonumber(x) elseif t=='+' then x={ok=x} elseif t=='-' then x={err=x} elseif t=='_' then x=false end
return x,i+1
end
local ask
function ask(n,a,c,told)
local isp=n=='publish' or n=='spublish'
if not told and c~=(isp and 2 or n=='keys' and 1 or n=='scan' and math.max(c,1) or 0) then return rpc(n,unpack(a,1,c)) end
for i=1,c do
a[i]=text(a[i])
if type(a[i])~='string' then return rpc(n,unpack(a,1,c)) end
end
local w=W and W[n..'\\0'..concat(a,'\\0',1,isp and 1 or c)]
if not w then stop={n,unpack(a,1,c)} error(S) end
local k,v=w[1],w[2]
if k=='n' then return (built(v,1)) end
if k=='e' then return {err=v[1]} end
if isp then
M=M or {''}
M[#M+1]=n M[#M+1]=a[1] M[#M+1]=a[2]
end
if isp then return tonumber(v[1]) end
if n=='dbsize' then
local r=tonumber(v[1])
for i=1,np do r=r+rpc('EXISTS',N[i])-((O[N[i]] or P[N[i]])[2] and 1 or 0) end
return r
end
if n=='randomkey' then
if np==0 then return v[1] or false end
local t=ask('keys',{'*'},1)
return t[math.random(#t)] or false
end
if n=='keys' then return changed(v,a[1]) end
if not find(a[1],'^0+$') then return {'0',{}} end
local t=changed(v,option(a,c,'match') or '*',option(a,c,'type'))
return bad(t) and t or {'0',t}
end
`

export const TOUCH = `
$later
local function touch(k)
k=text(k)
if type(k)=='string' then if K[k] then $note_touched else $unless_later $unless_expected stop=k error(S) end end
end
$room
$inverses
local function image(k,n,...)
k=text(k)
if type(k)~='string' or P[k] then return end
$image_size
$unless_inverse
if not O[k] then np=np+1 N[np]=k end
local d=rpc('DUMP',k) or false
P[k]={d and rpc('PEXPIRETIME',k) or -2,d}
end
local function undo()
local failed
for i=np,1,-1 do
local k=N[i]
local p,r=P[k]
local t,d
if p then t,d=p[1],p[2] end
if not p or d==true then r=nil
elseif d then
r=rpc('RESTORE',k,t<0 and '0' or at(t),d,'REPLACE','ABSTTL')
if t>0 and (soon==0 or t<soon) then soon=t end
else r=rpc('UNLINK',k) end
if bad(r) then failed=r.err end
$back
end
return failed
end
$left
`

/** tn: the name of the train. */
const TRAIN = `
local tn
if string.byte(A[n-1])==116 then
local w,b,r=string.match(A[n-1],'^t(%S+) (%+?)(.*)$')
tn,A[n-1]=${luaText(STOPPED_TRAIN)}..w,r
if b~='' and rpc('EXISTS',tn)~=0 then stop={'${LATE}'} end
end
`

const UNLESS_LATE = 'if stop then return {4,stop,0} end'

/** Should nobody remove it, because a connection broke, it is gone when nothing that looks at it is on its way any more. */
const STOP_TRAIN = `
if tn then
local r=rpc('SET',tn,'','PX','3600000')
if bad(r) then failed=failed or r.err end
end
`

export const STOPPED = `
if stop then local failed=did and undo() $stop_train return failed and {4,stop,soon,failed} or {4,stop,soon} end
`

/** over: how large a value may be that is dumped. base: the name of what is parked. isGuest: by their names. */
const TRIAL_LIMITS = `
local base,isGuest='',{}
local reach,over,name,guests=string.match(A[n-1],'^(.-);(%d+) (%S+)(.*)$')
if reach then A[n-1]=reach over=tonumber(over) base=name end
`

/** U: what it has touched. Z: all names. Nothing is noted. */
const TRIAL_BEGIN = `
U={} Z={}
for i=1,#KEYS do Z[i]=KEYS[i] end
if over then for w in string.gmatch(guests,'%d+') do isGuest[Z[tonumber(w)]]=true end end
copy=true
`

/** About how many bytes a value takes. */
const TRIAL_ROOM = `
local function room(k)
if not over then return 0 end
local s=rpc('MEMORY','USAGE',k,'SAMPLES','${SIZE_SAMPLES}')
return type(s)=='number' and s or 0
end
`

/** A guest need not be given back, and then it is true instead of what it was. */
const TRIAL_IMAGE_SIZE = `
local s=room(k)
if over and s>over then
if isGuest[k] then np=np+1 N[np]=k P[k]={0,true} return end
stop={'${WHOLE}'}
for i=1,np do if not isGuest[N[i]] then stop[#stop+1]=N[i] end end
stop[#stop+1]=k
error(S)
end
`

const TRIAL_TOUCH = 'U[k]=true'

const TRIAL_LEFT = `
local function left()
L={0,0,0,''}
local t=''
for i=1,#Z do if U[Z[i]] then t=t..i..' ' end end
L[5]=t
nl=5
if not did then return end
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
if d~=P[k][2] or t~=P[k][1] then L[nl+1]=k L[nl+2]=at(t) L[nl+3]=d or '' nl=nl+3 end
end
local failed=undo()
if failed then for i=0,m-1 do rpc('UNLINK',base..'.'..i) rpc('SREM',list,base..'.'..i) end end
return failed
end
`

export const TRIAL_END = `
local failed=left()
if failed then return {5,failed} end
first,copy=soon,false
`

/** What a script needs in some places when it is only tried, and when it may be sent before others. */
export function trialParts(isTrial: boolean, staysInside: boolean): Readonly<Record<string, string>> {
  const ofTrains = { train: TRAIN, unless_late: staysInside ? '' : UNLESS_LATE, stop_train: STOP_TRAIN }
  const parts = {
    limits: TRIAL_LIMITS,
    begin: TRIAL_BEGIN,
    room: TRIAL_ROOM,
    image_size: TRIAL_IMAGE_SIZE,
    note_touched: TRIAL_TOUCH,
    left: TRIAL_LEFT,
  }
  return { ...(isTrial ? parts : none(parts)), ...(isTrial ? none(ofTrains) : ofTrains) }
}

function none(parts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(parts).map((name) => [name, '']))
}
