/*
 * The part of a prologue that takes back what a script has done to large values without a DUMP of them [design §7 Scripts]: that packs all of
 * a value, however little of it is changed.
 *
 * Of a command that changes one end of a list, or some members of a sorted set, it is noted before what these were; taking it back looks at what
 * is there, so it does not matter whether the command then failed. A command that is not among these has the value dumped as
 * it is then: what was noted until then is taken back behind that.
 *
 * Nothing takes back XADD, which may trim, nor gives a stream its last ID back. So entries of a large stream are added when the script has ended, and is stopped no
 * more, or names the stream again; what XADD says is certain before. Their events come later than those of other keys for that.
 */

/** Of so many elements DUMP takes longer than to note what changes. */
const LARGE_LENGTH = 64
/** So many commands on a key are noted, and members of one. */
const NOTED_MAX = 100

/** From so many entries too many on an approximate trim is executed: as many as the nodes of a server have, unless somebody has told it otherwise. */
export const SLACK = 100

/** O: what was there, of keys that were not dumped before all else; J: what takes back what was done to them, in its order. */
const INVERSES = `
local O,J={},{}
local sizes={lpush='LLEN',rpush='LLEN',lpop='LLEN',rpop='LLEN',lmove='LLEN',rpoplpush='LLEN',zadd='ZCARD',zincrby='ZCARD',zrem='ZCARD'}
local marks={nx=1,xx=1,gt=1,lt=1,ch=1,incr=1}
local function scores(u,n,k,a,c)
local i,step=n=='zincrby' and 3 or 2,1
if n=='zadd' then
while marks[string.lower(tostring(a[i]))] do i=i+1 end
i=i+1
step=2
end
if c-i>${NOTED_MAX} then return end
for m=i,c,step do
local v=text(a[m])
if type(v)~='string' then return end
local s=rpc('ZSCORE',k,v)
if bad(s) then return end
if type(s)=='table' then s=string.format('%.17g',s.double) end
u[#u+1]=v
u[#u+1]=s or false
end
return true
end
local function ending(u,n,k,a,c)
local pops,left=n=='lpop' or n=='rpop',n=='lpush' or n=='lpop'
if pops and c~=1 then return end
if n=='lmove' or n=='rpoplpush' then
local from=text(a[1])
if c~=(n=='lmove' and 4 or 2) or from==text(a[2]) then return end
pops=k==from
if n=='lmove' then left=string.lower(tostring(a[pops and 3 or 4]))=='left' else left=not pops end
end
u[3]=left
if pops then u[4]=rpc('LINDEX',k,left and 0 or -1) end
return true
end
local function inverse(k,n,...)
n=string.lower(n)
local size=sizes[n]
if not size then return end
local l,j=rpc(size,k),J[k] or {}
if type(l)~='number' or l==0 or (l<${LARGE_LENGTH} and not O[k]) or #j>=${NOTED_MAX} then return end
local u={size,l}
if not (size=='LLEN' and ending or scores)(u,n,k,{...},select('#',...)) then return end
if not O[k] then
np=np+1
N[np]=k
O[k]={rpc('PEXPIRETIME',k),true}
J[k]=j
end
j[#j+1]=u
return true
end
local function back(k)
local t,j=O[k][1],J[k]
for i=#j,1,-1 do
local u,r=j[i]
local l,left,v=u[2],u[3],u[4]
if u[1]=='ZCARD' then
for m=3,#u,2 do
if u[m+1] then r=rpc('ZADD',k,u[m+1],u[m]) else r=rpc('ZREM',k,u[m]) end
if bad(r) then return r end
end
else
local now=rpc('LLEN',k)
if v then if now<l then r=rpc(left and 'LPUSH' or 'RPUSH',k,v) end
elseif now>l then if left then r=rpc('LTRIM',k,now-l,-1) else r=rpc('LTRIM',k,0,l-1) end end
if bad(r) then return r end
end
end
if t>0 and (soon==0 or t<soon) then soon=t end
if rpc('PEXPIRETIME',k)==t then return end
if t<0 then return rpc('PERSIST',k) end
return rpc('PEXPIREAT',k,at(t))
end
`

/** ids: streams that get entries later, and the last ID that each has then: they are not in K meanwhile. adds: these commands. */
const LATER = `
local ids,adds,broken={},{}
local added
`

/** It must have written before: a server without memory refuses a first write, but no other. */
const ADDS = `
local function add(n,a,c)
local k=text(a[1])
if not did or type(k)~='string' or P[k] or O[k] or c>${NOTED_MAX} or #adds>=${NOTED_MAX} then return end
local e=ids[k]
if not e then touch(k) end
for i=2,c do if type(text(a[i]))~='string' then return end end
local i=2
if c>1 and lower(text(a[2]))=='maxlen' then
i=(a[3]=='~' or a[3]=='=') and 5 or 4
local v=text(a[i-1]) or ''
if #v>15 or not find(v,'^[1-9]%d*$') then return end
end
if a[i]~='*' or c-i<2 or (c-i)%2~=0 then return end
if not e then
local l=rpc('XLEN',k)
if type(l)~='number' or l<${LARGE_LENGTH} then return end
local s,id=rpc('XINFO','STREAM',k)
if bad(s) then return end
if s.map then id=s.map['last-generated-id'] end
for j=1,#s,2 do if s[j]=='last-generated-id' then id=s[j+1] end end
local x,y=match(id or '','^(%d+)-(%d+)$')
if not x or #x>15 or #y>15 then return end
e={tonumber(x),tonumber(y)}
ids[k]=e
K[k]=nil
$add_begins
end
local t=rpc('TIME')
local ms=tonumber(t[1])*1000+math.floor(tonumber(t[2])/1000)
if ms>e[1] then e[1],e[2]=ms,0 else e[2]=e[2]+1 end
a[i]=at(e[1])..'-'..at(e[2])
adds[#adds+1]={k,n,a,c}
return a[i]
end
function added(k)
local rest={}
if k then
ids[k]=nil
K[k]=true
$add_ends
image(k)
end
for i=1,#adds do
local q=adds[i]
if k and q[1]~=k then rest[#rest+1]=q
else
local r=rpc(q[2],unpack(q[3],1,q[4]))
if bad(r) then broken=r else $add_key note('x',q[2],r,q[3],q[4]) end
end
end
adds=rest
end
`

/**
 * Whether a trim to a length does nothing: then nothing has to be taken back. An approximate one removes whole nodes, and how large these are no
 * command says: of a large stream it leaves some entries more than it says, as a server with larger nodes does, and removes them with the next ones.
 */
const TRIMS = `
local function idle(n,a,c)
local k=text(a[1])
if type(k)~='string' or c<3 or lower(tostring(a[2]))~='maxlen' then return end
local rough=a[3]=='~'
local i=(rough or a[3]=='=') and 4 or 3
local v=text(a[i])
if i~=c or type(v)~='string' or #v>15 or not find(v,'^%d+$') then return end
local l=rpc('XLEN',k)
if type(l)~='number' then return end
if l<=tonumber(v) then return true end
return rough and l>=${LARGE_LENGTH} and l-tonumber(v)<${SLACK}
end
`

/** What is left over is added, when it was not stopped. */
const ADD_LAST = `
if #adds>0 then added() end
if broken then ok,r=false,{err=broken.err} end
`

/** Of what a script needs of a prologue, see there. */
interface Undoing {
  readonly staysInside: boolean
  readonly readsOnly: boolean
  readonly isTrial: boolean
  readonly isShort: boolean
}

/** What it needs in some places for that. One that is only tried says in the end what it did, see `prologue-trial`, or it needs nothing of this. */
export function undoParts({ staysInside, readsOnly, isTrial, isShort }: Undoing): Readonly<Record<string, string>> {
  const mayBeStopped = !staysInside && !readsOnly
  const inverses = {
    inverses: mayBeStopped ? INVERSES : 'local O={}',
    unless_inverse: mayBeStopped ? 'if n and $unless_noted inverse(k,n,...) then return end' : '',
    back: mayBeStopped ? 'if O[k] then r=back(k) if bad(r) then failed=r.err end end' : '',
  }
  const adds = {
    later: LATER,
    unless_later: 'if ids[k] then added(k) return end',
    adds: ADDS + TRIMS,
    add_later: "if h=='X' and $unless_noted true then local id=add(n,a,c) if id then return id end end",
    trim_nothing: "if h=='y' and idle(n,a,c) then wrote=true return 0 end",
    add_last: isTrial ? '' : ADD_LAST,
  }
  const isWhole = mayBeStopped && !isShort
  return { ...inverses, ...(isWhole ? adds : Object.fromEntries(Object.keys(adds).map((name) => [name, '']))) }
}
