/*
 * The part of a prologue that is about SORT and SORT_RO, whose patterns name keys: BY w_* GET o_*->f [design §7 Scripts].
 *
 * Which keys these are the elements say. They are asked of the server, as it has them in this moment, of GET those alone that the command will give;
 * and the script stops at all keys that are not at hand together: a run for each of them would be too much.
 */

/** What follows each word [Redis sort.c sortCommandGeneric], and a pattern with a star before its first NUL. */
export const SORT_WORDS = `
local W2={limit=2,by=1,get=1,store=1}
local function starIn(p) p=text(p) return type(p)=='string' and find(match(p,'^%Z*'),'*',1,true) end
`

/** At most so many keys are named, and one more, of which it is said that these are too many. */
export const SORTED_MAX = 1000

export const SORTED = `
local function madeBy(p)
p=text(p)
local s=starIn(p)
local rest=sub(p,s+1)
local f=find(match(rest,'^%Z*'),'->',1,true)
local g=f and byte(rest,f+2)
return sub(p,1,s-1),(g and g~=0) and sub(rest,1,f-1) or rest
end
local function reach(patterns,elements)
if bad(elements) then return end
local t,seen={''},{}
for j=1,#patterns do
local before,behind=madeBy(patterns[j])
for i=1,#elements do
local k=before..elements[i]..behind
$meet
if K[k] then $note_touched
elseif not seen[k] and #t<=${SORTED_MAX + 1} then seen[k]=true t[#t+1]=k end
end
end
if #t>1 then stop=t error(S) end
end
local function sorted(a,c)
touch(a[1])
local by,gets,rest,i={},{},{a[1]},2
while i<=c do
local w=lower(tostring(a[i]))
local m=W2[w] or 0
if i+m<=c then
if w=='get' then if starIn(a[i+1]) then gets[#gets+1]=a[i+1] end
elseif w~='store' then for j=i,i+m do rest[#rest+1]=a[j] end end
if w=='by' and starIn(a[i+1]) then by[#by+1]=a[i+1] end
else return end
i=i+1+m
end
if #by>0 then reach(by,rpc('SORT_RO',a[1],'BY','x')) end
if #gets>0 then reach(gets,rpc('SORT_RO',unpack(rest))) end
end
`

/** Patterns read any keys, so they are for those who may read all. */
export const SORT_DENIED = `
local function sortDenied(a,c)
local i=2
while i<c do
local w=lower(tostring(a[i]))
if w=='get' or (w=='by' and starIn(a[i+1])) then return {err='ERR '..string.upper(w)..' option of SORT denied due to insufficient ACL permissions.'} end
i=i+1+(W2[w] or 0)
end
end
`
