-- Put a filled temporary key in place of the live quotes of one provider, or refuse to; see publish.py.
-- Returns {verdict, ...}: ok and same {seq, count, added, removed, changed, history error, collected_ms of the set before,
-- how far it lies ahead (ms)} and, ok alone, {pairs whose prices are as they were, pairs that are gone}, older {live collected_ms}, shrunk {sent, count before, 1 if that is live}, expired {server's ms},
-- incomplete {found}, wrong-type {key, found, expected}, too-old.

-- In a cluster another node has `providers`.
local live, meta, events, fresh, held_key, marked_key, reference_key, providers = unpack(KEYS)
local run_id, collected_ms, now_ms, sent, skipped, complete, interval_s, life_ms, until_ms, force, channel, asked, known,
      future_ms, history, max_len, age_ms, history_pairs, held, marked, reference, again, provider = unpack(ARGV)
local call, pcall_ = redis.call, redis.pcall
local find, sub, match, gmatch, format = string.find, string.sub, string.match, string.gmatch, string.format
local DAY = 86400000

local function refuse(...)
  call('DEL', fresh)
  return {...}
end

local function wrong_type(key, expected)
  local found = call('TYPE', key).ok
  return found ~= expected and found ~= 'none' and found
end

local kinds = {[live] = 'hash', [meta] = 'hash', [events] = 'stream', [held_key] = 'hash', [marked_key] = 'hash',
               [reference_key] = 'string'}
if providers then kinds[providers] = 'set' end
for key, expected in pairs(kinds) do
  local found = wrong_type(key, expected)
  if found then return refuse('wrong-type', key, found, expected) end
end
local probe = pcall_('XTRIM', events, 'MINID', '~', '0')
if type(probe) == 'table' and find(probe.err, 'syntax', 1, true) then return refuse('too-old') end

-- Times are judged by this server's clock. One that lies ahead of it is no time: a clock that ran ahead for a moment
-- would hold up everybody whose clock is right.
local now = tonumber(now_ms)
local clock = pcall_('TIME')
if not clock.err then now = clock[1] * 1000 + math.floor(clock[2] / 1000) end
local collected = tonumber(collected_ms)
local latest = now + future_ms
local ahead = collected > latest and format('%.0f', collected - now) or false

local before = call('HMGET', meta, 'collected_ms', 'seq', 'run_id', 'count', 'added', 'removed', 'changed',
                    'earlier_ms', 'peak', 'peak_ms', 'asked')
local function number(text)  -- whole and exact, or none
  local value = tonumber(text or '')
  return value and value >= 0 and value < 9007199254740991 and math.floor(value) == value and value or nil
end
local live_ms = number(before[1])
local seq = number(before[2]) or 0
local live_count = call('HLEN', live)
local earlier = number(before[8]) and format('%.0f', number(before[8])) or false

sent = tonumber(sent)
local found = call('HLEN', fresh)
if live_ms == collected and live_count > 0 and before[3] == run_id and again ~= '1' then
  -- The reply of our own publish was lost on the way: give it again.
  return refuse('same', seq, live_count, number(before[5]) or 0, number(before[6]) or 0, number(before[7]) or 0, '',
                earlier, ahead)
end
if found ~= sent then return refuse('incomplete', found) end
if live_ms and live_count > 0 and force ~= '1' and live_ms > collected and live_ms <= latest then
  return refuse('older', format('%.0f', live_ms))
end
local expire_at = math.max(collected + life_ms, tonumber(until_ms))
if expire_at <= now then
  if force ~= '1' then return refuse('expired', format('%.0f', now)) end
  expire_at = now + life_ms
end
expire_at = format('%.0f', expire_at)
held, marked = cjson.decode(held), cjson.decode(marked)
local is_held = {}
for i = 1, #held, 2 do is_held[held[i]] = true end

-- Compare. Values begin with bid, ask, last and mid; what follows from "symbol" on is not a change of price.
local old, new = {}, call('HGETALL', fresh)
local flat = call('HGETALL', live)
for i = 1, #flat, 2 do old[flat[i]] = flat[i + 1] end
local added, changed, kept, equal = 0, 0, 0, 0
local moved, still = {}, {}
for i = 1, #new, 2 do
  local value, was = new[i + 1], old[new[i]]
  if not was then
    added = added + 1
    moved[#moved + 1] = i
  else
    kept = kept + 1
    local same = was == value
    if same then
      equal = equal + 1
    else
      local _, stop = find(value, '"symbol":', 1, true)
      same = find(was, sub(value, 1, stop or #value), 1, true) == 1
    end
    if same then
      still[#still + 1] = new[i]
    else
      changed = changed + 1
      moved[#moved + 1] = i
    end
  end
end

-- Rates that were used again: the same set under the same time goes on, for the run that says so.
if live_ms == collected and again ~= '1' and equal == sent and (kept == live_count or complete ~= '1') then
  call('HDEL', meta, 'last_error')
  call('HSET', meta, 'run_id', run_id, 'status', 'ok', 'last_ok_ms', format('%.0f', now), 'interval_s', interval_s,
       'skipped', skipped)
  call('PEXPIREAT', live, expire_at)
  return refuse('same', seq, live_count, 0, 0, 0, '', earlier, ahead)
end

-- Half an answer never replaces a whole one. Compared is what is asked for now; with what was published last where
-- that has expired, with a copy of it where nothing is known here, and with the largest set of a day: a set must not
-- shrink away step by step.
local chosen = redis.sha1hex(asked)
local peak, peak_ms = number(before[9]) or 0, number(before[10]) or 0
if (before[11] or chosen) ~= chosen or peak_ms > latest or now - peak_ms > DAY then peak, peak_ms = 0, 0 end
if complete == '1' and force ~= '1' then
  local whole = live_count
  if asked ~= '' then
    whole = 0
    for pair in gmatch(asked, '[^\n]+') do
      if old[pair] then whole = whole + 1 end
    end
  end
  local is_live = 1
  if live_count == 0 then
    if known == '' then return {'known?'} end
    whole = (before[11] or chosen) == chosen and number(before[4]) or 0
    whole = math.max(whole, tonumber(known))
    is_live = 0
  end
  if peak > whole then whole, is_live = peak, 0 end
  -- What is held was there.
  if (sent + #held / 2) * 2 < whole then return refuse('shrunk', sent, whole, is_live) end
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
      if complete ~= '1' and live_ms and tonumber(since or live_ms) + tonumber(life_ms) > collected then
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
if force == '1' or count + #held / 2 >= peak then peak, peak_ms = count + #held / 2, now end

-- What this user may not do is refused here, where nothing has changed yet; HSET was used to fill.
call('PEXPIREAT', fresh, expire_at)
call('HDEL', fresh, '')
call('HDEL', meta, '')
call('HDEL', held_key, '')
call('HDEL', marked_key, '')
call('SET', fresh .. ':proof', '', 'PX', 1000)
call('DEL', fresh .. ':proof')
if providers then call('SADD', providers, provider) end

-- From here on nothing may fail.
if count > 0 then call('RENAME', fresh, live) else call('DEL', live) end
for key, records in pairs({[held_key] = held, [marked_key] = marked}) do
  call('DEL', key)
  for i = 1, #records, 2 do call('HSET', key, records[i], records[i + 1]) end
end
-- The last good set is what the next one is held against, however old it is; a merged one has none of its own.
if reference ~= '' then call('SET', reference_key, reference) else call('DEL', reference_key) end
seq = seq + 1
call('HSET', meta, 'schema', '1', 'run_id', run_id, 'seq', format('%.0f', seq), 'collected_ms', collected_ms,
     'count', count, 'added', added, 'removed', removed, 'changed', changed, 'skipped', skipped, 'complete', complete,
     'interval_s', interval_s, 'peak', peak, 'peak_ms', format('%.0f', peak_ms), 'asked', chosen, 'held', #held / 2)
if count > 0 then  -- with all of them held nothing went well; the run says so
  call('HSET', meta, 'status', 'ok', 'last_ok_ms', format('%.0f', now))
  call('HDEL', meta, 'last_error')
end
-- Replaced under the same time, the set before stays the set before.
if live_ms and live_ms ~= collected then call('HSET', meta, 'earlier_ms', before[1]) end
if not live_ms then call('HDEL', meta, 'earlier_ms') end
if live_ms ~= collected then earlier = live_ms and format('%.0f', live_ms) or false end
local trouble = ''
local reply = pcall_('XADD', events, 'MAXLEN', '~', '1000', '*', 'run_id', run_id, 'seq', format('%.0f', seq),
                     'count', count, 'added', added, 'removed', removed, 'changed', changed, 'held', #held / 2)
if type(reply) == 'table' and reply.err then trouble = events .. ': ' .. reply.err end

-- A stream whose newest entries lie ahead takes no more: it is made anew without them, as many a publish as are
-- quickly done.
local room = 20000
local function drop_ahead(key)
  local top = pcall_('XREVRANGE', key, '+', '-', 'COUNT', '1')
  if top.err or #top == 0 or tonumber(match(top[1][1], '^%d+')) <= latest or room <= 0 then return false end
  local entries = pcall_('XREVRANGE', key, format('%.0f', latest), '-')
  if entries.err or type(pcall_('DEL', key)) == 'table' then return false end
  for i = #entries, 1, -1 do pcall_('XADD', key, entries[i][1], unpack(entries[i][2])) end
  room = room - #entries - 1
  return true
end

-- History: what it lacks is told, and never holds up prices. A stream is trimmed by one rule a call, so by length and
-- by age in turn; that of a pair that is gone expires as a whole.
if max_len ~= '' then
  local wanted
  if history_pairs ~= '*' then
    wanted = {}
    for pair in gmatch(history_pairs, '[^\n]+') do wanted[pair] = true end
  end
  local rule, limit = 'MAXLEN', max_len
  if seq % 2 == 0 then rule, limit = 'MINID', format('%.0f', math.max(collected - age_ms, 0)) end
  local id = collected_ms .. '-0'
  local function add(key, value)
    -- Nearly all values begin so; whatever else there may be is taken apart name by name.
    local bid, ask, last = match(value, '^{"bid":"([^"]*)","ask":"([^"]*)","last":"([^"]*)","symbol":')
    if bid then return pcall_('XADD', key, rule, '~', limit, id, 'bid', bid, 'ask', ask, 'last', last) end
    local _, stop = find(value, '"symbol":', 1, true)
    local entry, n = {}, 0
    for name, text in gmatch(sub(value, 1, stop), '"(%l+)":"([^"]*)"') do
      entry[n + 1], entry[n + 2] = name, text
      n = n + 2
    end
    return pcall_('XADD', key, rule, '~', limit, id, unpack(entry, 1, n))
  end
  for _, i in ipairs(moved) do
    local pair, value = new[i], new[i + 1]
    if not wanted or wanted[pair] then
      local key = history .. pair
      reply = add(key, value)
      if type(reply) == 'table' and find(reply.err, 'equal or smaller', 1, true) and drop_ahead(key) then
        reply = add(key, value)
      end
      if type(reply) == 'table' then
        -- "equal or smaller": a clock was set back; history goes on when it has caught up.
        if not find(reply.err, 'equal or smaller', 1, true) then trouble = key .. ': ' .. reply.err end
      elseif not old[pair] then
        pcall_('PERSIST', key)
      end
    end
  end
  for _, pair in ipairs(gone) do
    pcall_('PEXPIREAT', history .. pair, format('%.0f', collected + age_ms))
  end
end
pcall_('PUBLISH', channel, run_id)
return {'ok', seq, count, added, removed, changed, trouble, earlier, ahead, table.concat(still, '\n'),
        table.concat(gone, '\n')}
