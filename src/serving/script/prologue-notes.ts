/*
 * The part of a prologue that notes what commands have done, as equal replicas do it equally [design §7 Scripts]: `note` is told by a letter of
 * command-specs how. An approximate trim is noted as the exact one that leaves what it has left, but never more than the client allows: see
 * effects.ts, which does the same for commands outside scripts.
 */
export const NOTE = `
local function later(x,y)
local xs,xn=match(x,'^(%d+)-(%d+)$')
local ys,yn=match(y,'^(%d+)-?(%d*)$')
if not ys or find(y,'^0%d') or find(y,'-0%d') or find(y,'-$') then return false end
if yn=='' then yn='0' end
if xs~=ys then return #xs==#ys and xs>ys or #xs>#ys end
return #xn==#yn and xn>yn or #xn>#yn
end
local function exact(k,a,c,id)
local b,i={k},2
while i<=c do
local w=lower(tostring(a[i]))
if w=='nomkstream' then i=i+1
elseif w=='maxlen' or w=='minid' then
local s=a[i+1]
local v=a[i+((s=='~' or s=='=') and 2 or 1)]
if s=='~' and w=='maxlen' then
local l=rpc('XLEN',k)
if tonumber(v)<l then v=at(l) end
elseif s=='~' then
local e=rpc('XRANGE',k,'-','+','COUNT',1)[1]
if e and not later(e[1],text(v)) then v=e[1] end
end
b[2]=a[i] b[3]='=' b[4]=v
i=i+((s=='~' or s=='=') and 3 or 2)
elseif w=='limit' then i=i+2
elseif w=='keepref' or w=='delref' or w=='acked' then return nil
else break end
end
if id then
b[#b+1]=id
for j=i+1,c do b[#b+1]=a[j] end
end
return b
end
local function note(h,n,r,a,c)
local k=a[1]
if h=='w' then log(n,unpack(a,1,c))
elseif h=='e' then if r==1 then local t=due(k) if t<0 then log('UNLINK',k) else log('PEXPIREAT',k,at(t)) end end
elseif h=='s' or h=='t' then
if h=='s' and has(a,c,3,'get') then
for i=3,c do if sub(lower(tostring(a[i])),1,2)=='if' then unknown() return end end
if has(a,c,3,'nx') and r or has(a,c,3,'xx') and not r then return end
elseif not r then return end
if h=='s' and c==2 then log('SET',k,a[2]) return end
local t=due(k)
if t==-2 then log('UNLINK',k) elseif t==-1 then log('SET',k,a[h=='s' and 2 or 3]) else log('SET',k,a[h=='s' and 2 or 3],'PXAT',at(t)) end
elseif h=='g' then
if not r or c==1 then return end
local t=due(k)
if t==-2 then log('UNLINK',k) elseif t==-1 then log('PERSIST',k) else log('PEXPIREAT',k,at(t)) end
elseif h=='l' then
local t=due(k)
if t==-2 then log('UNLINK',k) else log('RESTORE',k,t<0 and '0' or at(t),a[3],'REPLACE','ABSTTL') end
elseif h=='p' then
if type(r)=='string' then log('SREM',k,r)
elseif r then
local m={}
if r.set then for v in pairs(r.set) do m[#m+1]=v end else m=r end
if #m>4000 then unknown() elseif #m>0 then log('SREM',k,unpack(m)) end
end
elseif h=='x' or h=='y' then
if not r or r==0 then return end
local b=exact(k,a,c,h=='x' and r)
if b then log(n,unpack(b)) else unknown() end
elseif h=='f' then log('SET',k,r,'KEEPTTL')
elseif h=='h' then log('HSET',k,a[2],r)
elseif h=='k' then if has(a,c,1,'block') then unknown() else log(n,unpack(a,1,c)) end
elseif h=='b' then if has(a,c,2,'store') then if has(a,c,2,'by') or has(a,c,2,'get') then unknown() else log(n,unpack(a,1,c)) end end
elseif h=='m' then if r then log(sub(n,2),unpack(a,2,c)) end
elseif h=='d' then log(n,unpack(a,1,c))
else unknown() end
end
`
