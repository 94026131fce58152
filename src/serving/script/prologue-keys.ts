import { luaText } from '../../base/lua-text.js'
import { guestName, STOPPED_TRAIN } from '../../order/pieces/hidden-name.js'
import { LATE } from './questions.js'

/*
 * The part of a prologue that looks at what keys a script touches, and takes back what it has done [design §7 Scripts].
 *
 * Before the last argument stands what it may touch: how many of KEYS, the last ones, are not the client's, but may be touched as
 * well, and behind that the places of those that may not. Where questions were answered (see `questions`), the answers stand before that, and it
 * begins with q and the number of these arguments.
 *
 * One that is only tried takes back what it has done however it ends, see `prologue-trial`.
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
$image_guest
$unless_inverse
$image_size
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
export const TRAIN = `
local tn
if string.byte(A[n-1])==116 then
local w,b,r=string.match(A[n-1],'^t(%S+) (%+?)(.*)$')
tn,A[n-1]=${luaText(STOPPED_TRAIN)}..w,r
if b~='' and rpc('EXISTS',tn)~=0 then stop={'${LATE}'} end
end
`

export const UNLESS_LATE = 'if stop then return {4,stop,0} end'

/** Should nobody remove it, because a connection broke, it is gone when nothing that looks at it is on its way any more. */
export const STOP_TRAIN = `
if tn then
local r=rpc('SET',tn,'','PX','3600000')
if bad(r) then failed=failed or r.err end
end
`

export const STOPPED = `
if stop then local failed=did and undo() $stop_train return failed and {4,stop,soon,failed} or {4,stop,soon} end
`
