import type { ScriptRights } from '../../command/row.js'
import { SORT_DENIED } from './prologue-sort.js'

/*
 * The part of a prologue that asks whether a user may do what the script does for it [design §7 Scripts]. The servers see the user of the
 * links, so the rules are in the script: `$rights` stands for what `luaRightsOf` makes of them. Only scripts of users who may not do
 * everything have it.
 *
 *     Q   one table for each selector: d, x  whether commands are allowed, and those for which it is the other way round
 *                                      f     first arguments with which others are
 *                                      k, c  patterns of keys with what may be done, and of channels; or true
 *                                      l     the latter as they stand in the rule, for who listens to patterns
 *                                      u     it may read keys that nobody has named
 *     E   what commands do with their keys, first and others: 1 they read, 2 they write, 3 both
 *
 * Of a function, which is the same for all users, each call brings these tables, behind the letter in its last argument.
 *
 *     D   what was refused: why, as 1 a command, 2 a key, 3 a channel; what, and how often; the last one last, as ACL LOG has it
 *
 * What no script may (`N`), or has the wrong number of arguments, is refused as that before its rights are asked about; who only asks about it is told.
 */
const RIGHTS = `
$tables
local D
local function noted(why,what)
local k=sub(tostring(text(what)),1,65536)
D=D or {}
local e
for i=#D,1,-1 do if D[i][1]==why and D[i][2]==k then e=table.remove(D,i) break end end
e=e or {why,k,0}
e[3]=e[3]+1
D[#D+1]=e
if #D>128 then table.remove(D,1) end
end
local function named(x,name,a)
local may=x.d
if x.x[name] then may=not may end
if may then return true end
local f=x.f[name]
local w=a[find(name,'|',1,true) and 2 or 1]
return f~=nil and w~=nil and f[lower(tostring(w))]==true
end
local function fits(p,k) return (k~='' or p=='^'..'\\036') and find(k,p)~=nil end
local function keyed(x,k,w)
if x.k==true or type(k)~='string' then return true end
for i=1,#x.k do local p=x.k[i] if (w==0 or p[1]==3 or p[1]==w) and fits(p[2],k) then return true end end
return false
end
local function heard(x,k)
if x.c==true or type(k)~='string' then return true end
for i=1,#x.c do if fits(x.c[i],k) then return true end end
return false
end
local function onlyGets(a,c)
local i=2
while i<=c do
local w=lower(tostring(a[i]))
if w=='get' and c-i>=2 then i=i+3 elseif w=='overflow' and c-i>=1 then i=i+2 else return false end
end
return true
end
local function aboutIn(name) return match(E,'\\n'..string.gsub(name,'%W','%%%0')..' (%d)(%d) (%S+)') end
local function access(name,j,a,c)
if name=='set' then return has(a,c,3,'get') and 3 or 2 end
if name=='bitfield' then return onlyGets(a,c) and 1 or 3 end
local p,q=aboutIn(name)
return tonumber(j==1 and p or q) or 3
end
local function denied(x,name,s,a,c)
if not named(x,name,a) then return 1,0,name end
local where=match(s,'^[nNi][^:]*:?(.*)') or sub(s,2)
if x.k~=true and where~='' then
local ks=keysOf(where,a,c)
for j=1,#ks do if not keyed(x,text(ks[j]),access(name,j,a,c)) then return 2,j,ks[j] end end
end
local said=name=='publish' or name=='spublish'
if x.c==true then return 0 end
if said or name=='subscribe' or name=='ssubscribe' then
for j=1,said and 1 or c do if not heard(x,text(a[j])) then return 3,j,a[j] end end
elseif name=='psubscribe' then
for j=1,c do if not x.l[text(a[j])] then return 3,j,a[j] end end
end
return 0
end
${SORT_DENIED}
local function forbidden(asks,n,...)
if type(n)~='string' then return end
local a,c,name={...},select('#',...),lower(n)
local s=specOf(name)
if s=='C' and c>0 then
name=name..'|'..lower(tostring(a[1]))
s=specIn(name)
end
if s==nil or (byte(s)==78 and not asks) then return end
local worst,place,what,may,free=0,0,nil,false,false
for i=1,#Q do
local why,at,is=denied(Q[i],name,s,a,c)
if why==0 then may=true free=free or Q[i].u elseif why>worst or (why==worst and at>place) then worst,place,what=why,at,is end
end
if may then
if free or byte(s,2)~=111 then return end
return sortDenied(a,c)
end
if not asks then
local _,_,w=aboutIn(name)
w=tonumber(w)
if w and (c+1<math.abs(w) or (w>0 and c+1~=w)) then return {err='ERR Wrong number of args calling Redis command from script'} end
noted(worst,what)
end
if worst==1 then return {err="ERR The user executing the script can't run this command or subcommand"} end
if worst==2 then return {err="ERR The user executing the script can't access at least one of the keys mentioned in the command arguments"} end
return {err="ERR The user executing the script can't publish to the channel mentioned in the command"}
end
`

/** Raised by itself an error would name our line. */
const CHECKED = `
local function checked(...)
local ok,r=rp(R.acl_check_cmd,...)
if not ok then raise({err=r}) end
return r and forbidden(true,...)==nil
end
`

/** Among what it has published, see `questions`. */
const NOTED = "if D then M=M or {''} for i=1,#D do M[#M+1]='!'..D[i][3] M[#M+1]=D[i][1]..'' M[#M+1]=D[i][2] end end"

const FORBID = 'local no=forbidden(false,n,...) if no then return no end'

/** What stands in the prologue for a user with these rights, or where each call brings them; nothing for who may do everything. */
export function partsOf(rights: ScriptRights | 'brought' | undefined): Readonly<Record<string, string>> {
  if (rights === undefined) return { rights_of_user: '', noted: '', checked: '', forbid: '', shadow_of_check: '' }
  const shadow = 'shadow.acl_check_cmd=checked'
  if (rights === 'brought') {
    const tables = 'local Q,E,G if #mine>1 then Q,E,G=loadstring(sub(mine,2))() end'
    return {
      ...{ rights_of_user: RIGHTS, noted: NOTED, checked: CHECKED, tables, forbid: `if Q then ${FORBID} end` },
      shadow_of_check: `if Q then ${shadow} end`,
    }
  }
  const tables = `local Q,E=${rights.rights},${rights.accesses}`
  return { rights_of_user: RIGHTS, noted: NOTED, checked: CHECKED, tables, forbid: FORBID, shadow_of_check: shadow }
}

/** What a call brings. @param words see `prologue-words` */
export function broughtBy(rights: ScriptRights | undefined, words: string | undefined): string {
  return `return ${rights?.rights ?? 'nil'},${rights?.accesses ?? 'nil'},${words ?? 'nil'}`
}
