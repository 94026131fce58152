/*
 * The part of a prologue that looks at what keys a script touches, and takes back what it has done [design §7 Scripts].
 *
 * Before the last argument stands what it may touch: how many of KEYS, the last ones, are not the client's, but may be touched as
 * well, and behind that the places of those that may not.
 *
 * A script that is only tried takes back what it has done however it ends, and says instead what it would have left, of each key
 * that is not as it was:
 *
 *     { 1, deadline, value, '', touched, key, deadline, payload … }         the same with 2 and 3
 *     { 5, message }                                                        taking it back failed
 *
 * touched: the places of KEYS that it has touched; payload: as DUMP gives it, empty when there is none. The first deadline is the soonest
 * one of those that were given back to keys: when that has passed in this moment, the key is gone without a word.
 */

export const SHORT_TOUCH = `
local function text(v) if type(v)=='number' then return string.format('%.17g',v) end return v end
local function bad(r) return type(r)=='table' and r.err~=nil end
local function at(t) return string.format('%.0f',t) end
$touch
`

/** K: what may be touched. P: what was there before the first write, N: in this order. */
export const KEYS_AT_HAND = `
local K,P,N,np,soon,U,Z={},{},{},0,0
local more,F
for w in string.gmatch(A[n-1],'%d+') do if more then F=F or {} F[tonumber(w)]=true else more=tonumber(w) end end
for i=1,#KEYS do if not F or not F[i] then K[KEYS[i]]=true end end
$begin
for i=#KEYS,#KEYS-more+1,-1 do KEYS[i]=nil end
A[n-1]=nil
`

export const TOUCH = `
local function touch(k)
k=text(k)
if type(k)=='string' then if K[k] then $note_touched else stop=k error(S) end end
end
local function image(k)
k=text(k)
if type(k)~='string' or P[k] then return end
np=np+1
N[np]=k
P[k]={rpc('PEXPIRETIME',k),rpc('DUMP',k) or false}
end
local function undo()
local failed
for i=np,1,-1 do
local k=N[i]
local t,d=P[k][1],P[k][2]
local r
if d then
r=rpc('RESTORE',k,t<0 and '0' or at(t),d,'REPLACE','ABSTTL')
if t>0 and (soon==0 or t<soon) then soon=t end
else r=rpc('UNLINK',k) end
if bad(r) then failed=r.err end
end
return failed
end
$left
`

export const STOPPED = `
if stop then local failed=did and undo() return failed and {4,stop,soon,failed} or {4,stop,soon} end
`

/** U: what it has touched. Z: all names. Nothing is noted. */
export const TRIAL_BEGIN = `
U={} Z={}
for i=1,#KEYS do Z[i]=KEYS[i] end
copy=true
`

export const TRIAL_TOUCH = 'U[k]=true'

export const TRIAL_LEFT = `
local function left()
L={0,0,0,''}
local t=''
for i=1,#Z do if U[Z[i]] then t=t..i..' ' end end
L[5]=t
nl=5
if not did then return end
for i=1,np do
local k=N[i]
local t,d=rpc('PEXPIRETIME',k),rpc('DUMP',k) or false
if d~=P[k][2] or t~=P[k][1] then L[nl+1]=k L[nl+2]=at(t) L[nl+3]=d or '' nl=nl+3 end
end
return undo()
end
`

export const TRIAL_END = `
local failed=left()
if failed then return {5,failed} end
first,copy=soon,false
`
