-- Put a filled temporary key in place of the live quotes of one provider, or refuse to; see publish.py.
-- Returns {verdict, ...}: ok and same {seq, count, added, removed, changed, history error,
-- collected_ms of the set before} and, ok alone, {pairs that moved, pairs that are gone}, older {live collected_ms},
-- shrunk {live count}, incomplete {found}, wrong-type {key, found, expected}, too-old.

local live, meta, events, fresh, held_key, marked_key, reference_key = unpack(KEYS)
local run_id, collected_ms, now_ms, sent, skipped, complete, interval_s, expire_at, life_ms, force, channel,
      history, max_len, min_id, history_expire_at, history_pairs, held, marked, reference, again = unpack(ARGV)
local call, pcall_ = redis.call, redis.pcall
local find, sub, match, gmatch = string.find, string.sub, string.match, string.gmatch

local function refuse(...)
  call('DEL', fresh)
  return {...}
end

local function wrong_type(key, expected)
  local found = call('TYPE', key).ok
  return found ~= expected and found ~= 'none' and found
end

for key, expected in pairs({[live] = 'hash', [meta] = 'hash', [events] = 'stream', [held_key] = 'hash',
                            [marked_key] = 'hash', [reference_key] = 'string'}) do
  local found = wrong_type(key, expected)
  if found then return refuse('wrong-type', key, found, expected) end
end
local probe = pcall_('XTRIM', events, 'MINID', '~', '0')
if type(probe) == 'table' and find(probe.err, 'syntax', 1, true) then return refuse('too-old') end

local before = call('HMGET', meta, 'collected_ms', 'seq', 'run_id', 'count', 'added', 'removed', 'changed',
                    'earlier_ms')
local live_ms = tonumber(before[1] or '')
local seq = tonumber(before[2] or '') or 0
local live_count = call('HLEN', live)
if live_ms and live_ms == tonumber(collected_ms) and live_count > 0 and again ~= '1' then
  if before[3] ~= run_id then return refuse('same', seq, live_count, 0, 0, 0, '', before[8]) end
  -- The reply of our own publish was lost on the way: give it again.
  return refuse('same', seq, live_count, tonumber(before[5]) or 0, tonumber(before[6]) or 0, tonumber(before[7]) or 0, '',
                before[8])
end
sent = tonumber(sent)
local found = call('HLEN', fresh)
if found ~= sent then return refuse('incomplete', found) end
if live_ms and live_ms > tonumber(collected_ms) and force ~= '1' then return refuse('older', before[1]) end
held, marked = cjson.decode(held), cjson.decode(marked)
local is_held = {}
for i = 1, #held, 2 do is_held[held[i]] = true end
-- What is held was there.
if complete == '1' and force ~= '1' and (sent + #held / 2) * 2 < live_count then return refuse('shrunk', live_count) end

-- Compare. Values begin with bid, ask, last and mid; what follows from "symbol" on is not a change of price.
local old, new = {}, call('HGETALL', fresh)
local flat = call('HGETALL', live)
for i = 1, #flat, 2 do old[flat[i]] = flat[i + 1] end
local added, changed, kept = 0, 0, 0
local moved = {}
for i = 1, #new, 2 do
  local value, was = new[i + 1], old[new[i]]
  if not was then
    added = added + 1
    moved[#moved + 1] = i
  else
    kept = kept + 1
    if was ~= value then
      local _, stop = find(value, '"symbol":', 1, true)
      stop = stop or #value
      if sub(was, 1, stop) ~= sub(value, 1, stop) then
        changed = changed + 1
        moved[#moved + 1] = i
      end
    end
  end
end

-- Merge: pairs that could not be asked stay, with the time they were collected, as long as a live set would.
local carried, withheld, gone = 0, 0, {}
if kept < live_count then
  local have, batch = {}, {}
  for i = 1, #new, 2 do have[new[i]] = true end
  for pair, value in pairs(old) do
    if is_held[pair] then
      withheld = withheld + 1  -- neither carried over nor gone
    elseif not have[pair] then
      local since = match(value, '"collected_ms":(%d+)')
      if complete ~= '1' and live_ms and tonumber(since or live_ms) + tonumber(life_ms) > tonumber(collected_ms) then
        if not since then value = sub(value, 1, -2) .. ',"collected_ms":' .. before[1] .. '}' end
        batch[#batch + 1] = pair
        batch[#batch + 1] = value
        carried = carried + 1
        if #batch >= 2000 then  -- unpack has a limit of about 8000
          call('HSET', fresh, unpack(batch))
          batch = {}
        end
      else
        gone[#gone + 1] = pair
      end
    end
  end
  if #batch > 0 then call('HSET', fresh, unpack(batch)) end
end
local count, removed = sent + carried, live_count - kept - carried - withheld

-- From here on nothing may fail.
if count > 0 then
  call('RENAME', fresh, live)
  call('PEXPIREAT', live, expire_at)
else
  call('DEL', live)
end
for key, records in pairs({[held_key] = held, [marked_key] = marked}) do
  call('DEL', key)
  for i = 1, #records, 2 do call('HSET', key, records[i], records[i + 1]) end
end
-- The last good set is what the next one is held against, however old it is; a merged one has none of its own.
if reference ~= '' then call('SET', reference_key, reference) else call('DEL', reference_key) end
seq = seq + 1
call('HSET', meta, 'schema', '1', 'run_id', run_id, 'seq', seq, 'collected_ms', collected_ms, 'count', count,
     'added', added, 'removed', removed, 'changed', changed, 'skipped', skipped, 'complete', complete,
     'interval_s', interval_s, 'status', 'ok', 'last_ok_ms', now_ms, 'held', #held / 2)
call('HDEL', meta, 'last_error')
if live_ms then call('HSET', meta, 'earlier_ms', before[1]) end
pcall_('XADD', events, 'MAXLEN', '~', '1000', '*', 'run_id', run_id, 'seq', seq, 'count', count, 'added', added,
       'removed', removed, 'changed', changed, 'held', #held / 2)

-- History: what it lacks is told, and never holds up prices. A stream is trimmed by one rule a call, so by length and
-- by age in turn; that of a pair that is gone expires as a whole.
local trouble = ''
if max_len ~= '' then
  local wanted
  if history_pairs ~= '*' then
    wanted = {}
    for pair in gmatch(history_pairs, '[^\n]+') do wanted[pair] = true end
  end
  local rule, limit = 'MAXLEN', max_len
  if seq % 2 == 0 then rule, limit = 'MINID', min_id end
  local id = collected_ms .. '-0'
  for _, i in ipairs(moved) do
    local pair, value = new[i], new[i + 1]
    if not wanted or wanted[pair] then
      local key = history .. pair
      local reply
      -- Nearly all values begin so; whatever else there may be is taken apart name by name.
      local bid, ask, last = match(value, '^{"bid":"([^"]*)","ask":"([^"]*)","last":"([^"]*)","symbol":')
      if bid then
        reply = pcall_('XADD', key, rule, '~', limit, id, 'bid', bid, 'ask', ask, 'last', last)
      else
        local _, stop = find(value, '"symbol":', 1, true)
        local entry, n = {}, 0
        for name, text in gmatch(sub(value, 1, stop), '"(%l+)":"([^"]*)"') do
          entry[n + 1], entry[n + 2] = name, text
          n = n + 2
        end
        reply = pcall_('XADD', key, rule, '~', limit, id, unpack(entry, 1, n))
      end
      if type(reply) == 'table' then
        -- "equal or smaller": a clock was set back; history goes on when it has caught up.
        if not find(reply.err, 'equal or smaller', 1, true) then trouble = key .. ': ' .. reply.err end
      elseif not old[pair] then
        call('PERSIST', key)
      end
    end
  end
  for _, pair in ipairs(gone) do call('PEXPIREAT', history .. pair, history_expire_at) end
end
pcall_('PUBLISH', channel, run_id)
local pairs_moved = {}
for place, i in ipairs(moved) do pairs_moved[place] = new[i] end
return {'ok', seq, count, added, removed, changed, trouble, before[1], table.concat(pairs_moved, '\n'),
        table.concat(gone, '\n')}
