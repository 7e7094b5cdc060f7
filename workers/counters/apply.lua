-- One batch of one partition: the replay guard, then read, add, write. store.py describes the packed forms.
--
-- KEYS  guard; all else is named `prefix .. identity:block:shard`, which holds the guard's hash tag
-- ARGV  mode, epoch, committed, first, last, guard ttl, members a pane, prefix, identities, segments, count segments,
--       keys, increments, lengths, additions, recipe
-- Returns {"applied", old values, last offset applied before (-1: none)} | {"redelivered", applied, stored...} | {"stale", newest epoch}

local call, sub, find, format, rep, concat = redis.call, string.sub, string.find, string.format, string.rep, table.concat
local pack, unpack_from = struct.pack, struct.unpack
local SIX_U32, SIX_U16 = '<I4I4I4I4I4I4', '<I2I2I2I2I2I2'
local COUNT_BYTES, HEADER_BYTES, MEMBER_BYTES = 24, 12, 8
-- Lua's C stack takes 8,000 values at once.
local AT_ONCE = 3500
-- A small hash is a list that every look-up walks, ten times slower near its limit (512 fields). A value beyond
-- hash-max-listpack-value (64 bytes) makes a table of it; its name is longer than any key.
local TABLE_FIELD, TABLE_VALUE = 'as a table', string.rep(' ', 65)

local guard, mode, epoch = KEYS[1], ARGV[1], tonumber(ARGV[2])
local committed, first, last = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local cap, prefix, count_segments = tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[11])
local keys, increments, lengths, additions, recipe = ARGV[12], ARGV[13], ARGV[14], ARGV[15], ARGV[16]
local SEGMENT, SEGMENT_BYTES = '<I4I4I4I4i8', 24

local known = call('HMGET', guard, 'epoch', 'applied')
local newest = tonumber(known[1] or 0)
if epoch < newest then
  return {'stale', known[1]}
elseif epoch > newest then
  -- Before anything else, for a first call that only asks must fence the former owner as well.
  call('HSET', guard, 'epoch', ARGV[2])
end

-- The kept batches, as {field, first offset, last offset}.
local function kept()
  local found = {}
  for _, field in ipairs(call('HKEYS', guard)) do
    local from, to = string.match(field, '^(%d+)%-(%d+)$')
    if from then
      found[#found + 1] = {field, tonumber(from), tonumber(to)}
    end
  end
  return found
end

if mode == 'apply' and known[2] and first <= tonumber(known[2]) then
  local answer = {'redelivered', known[2]}
  for _, batch in ipairs(kept()) do
    if batch[2] <= last and batch[3] >= first then
      answer[#answer + 1] = call('HGET', guard, batch[1])
    end
  end
  return answer
end

-- Fields of all cells, and where each segment's begin; the hashes of its own block and of the block before.
local identities = {}
for identity in string.gmatch(ARGV[9], '[^,]+') do
  identities[#identities + 1] = identity
end
local fields, starts, ttls, names, segments = {}, {1}, {}, {[0] = {}, [1] = {}}, #ARGV[10] / SEGMENT_BYTES
for segment = 1, segments do
  local identity, shard, cells, ttl, block = unpack_from(SEGMENT, ARGV[10], (segment - 1) * SEGMENT_BYTES + 1)
  starts[segment + 1], ttls[segment] = starts[segment] + cells, ttl
  for before = 0, 1 do
    names[before][segment] = prefix .. format('%s:%.0f:%x', identities[identity + 1], block - before, shard)
  end
end
local total = starts[segments + 1] - 1
for cell = 1, total do
  fields[cell] = sub(keys, cell * 8 - 7, cell * 8)
end

-- Read. `current` keeps what is there now, to be added to.
local flags, counts, members, sizes, current, is_new = {}, {}, {}, {}, {}, {}
local flag_at, count_hits, member_hits = 0, 0, 0
local size_of = setmetatable({}, {__index = function(cache, size)
  cache[size] = pack('<I4', size)
  return cache[size]
end})
for before = 0, 1 do
  for segment = 1, segments do
    local name, stop = names[before][segment], starts[segment + 1] - 1
    local exists = call('EXISTS', name) == 1
    if before == 0 then
      is_new[segment] = not exists
    end
    if not exists then
      flag_at = flag_at + 1
      flags[flag_at] = rep('0', stop - starts[segment] + 1)
    end
    for from = exists and starts[segment] or stop + 1, stop, AT_ONCE do
      local to = math.min(from + AT_ONCE - 1, stop)
      local values = call('HMGET', name, unpack(fields, from, to))
      for cell = from, to do
        local value = values[cell - from + 1]
        flag_at = flag_at + 1
        if not value then
          flags[flag_at] = '0'
        else
          flags[flag_at] = '1'
          if segment <= count_segments then
            count_hits = count_hits + 1
            counts[count_hits] = value
          else
            member_hits = member_hits + 1
            members[member_hits], sizes[member_hits] = value, size_of[#value]
          end
          if before == 0 then
            current[cell] = value
          end
        end
      end
    end
  end
end
local flag_part, count_part, size_part, member_part = concat(flags), concat(counts), concat(sizes), concat(members)
local old = pack('<I4I4I4I4', #flag_part, #count_part, #size_part, #member_part)
  .. flag_part .. count_part .. size_part .. member_part
if mode == 'peek' then
  return {'applied', old}
end

local function add(value, more)
  local a, b, c, d, e, f = unpack_from(SIX_U32, value)
  local g, h, i, j, k, l = unpack_from(SIX_U32, more)
  return pack(SIX_U32, a + g, b + h, c + i, d + j, e + k, f + l)
end

local function holds(pane, member)
  local at = find(pane, member, 1, true)
  while at and (at - 1) % MEMBER_BYTES ~= 0 do
    at = find(pane, member, at + 1, true)
  end
  return at
end

-- The value with the members of `more` it does not hold yet, or nil if nothing changes.
local function unite(value, more)
  local have, come = {unpack_from(SIX_U16, value)}, {unpack_from(SIX_U16, more)}
  local at, from, kept, parts = HEADER_BYTES, HEADER_BYTES, HEADER_BYTES, nil
  for pane = 1, 6 do
    -- A full pane keeps no members.
    local old, new = have[pane], come[pane]
    local stop, to = at + (old < cap and old * MEMBER_BYTES or 0), from + (new < cap and new * MEMBER_BYTES or 0)
    if new > 0 and old < cap then
      local stored, size, fresh = sub(value, at + 1, stop), old, {}
      for member_at = from, to - 1, MEMBER_BYTES do
        local member = sub(more, member_at + 1, member_at + MEMBER_BYTES)
        if not holds(stored, member) then
          size = size + 1
          fresh[size - old] = member
        end
      end
      size = math.max(size, new)
      if size > old then
        parts = parts or {''}
        have[pane] = math.min(size, cap)
        parts[#parts + 1] = sub(value, kept + 1, size < cap and stop or at) .. (size < cap and concat(fresh) or '')
        kept = stop
      end
    end
    at, from = stop, to
  end
  if parts then
    parts[1], parts[#parts + 1] = pack(SIX_U16, unpack(have, 1, 6)), sub(value, kept + 1)
    return concat(parts)
  end
end

-- Write. The first write is an HSET: a full or read-only server refuses it before anything has changed.
local addition_at, length_at, written = 1, 1, {}
for segment = 1, segments do
  local name, size = names[0][segment], 0
  if is_new[segment] then
    written[1], written[2], size = TABLE_FIELD, TABLE_VALUE, 2
  end
  for cell = starts[segment], starts[segment + 1] - 1 do
    local value
    if segment <= count_segments then
      local more = sub(increments, cell * COUNT_BYTES - COUNT_BYTES + 1, cell * COUNT_BYTES)
      value = current[cell] and add(current[cell], more) or more
    else
      local length = unpack_from('<I4', lengths, length_at)
      length_at = length_at + 4
      if length > 0 then
        local more = sub(additions, addition_at, addition_at + length - 1)
        addition_at = addition_at + length
        if current[cell] then
          value = unite(current[cell], more)
        else
          value = more
        end
      end
    end
    if value then
      written[size + 1], written[size + 2] = fields[cell], value
      size = size + 2
      if size >= 2 * AT_ONCE then
        call('HSET', name, unpack(written, 1, size))
        size = 0
      end
    end
  end
  if size > 0 then
    call('HSET', name, unpack(written, 1, size))
  end
  call('EXPIRE', name, ttls[segment])
end

call('HSET', guard, 'applied', ARGV[5], ARGV[4] .. '-' .. ARGV[5], pack('<I4', #recipe) .. recipe .. old)
call('EXPIRE', guard, ARGV[6])
for _, batch in ipairs(kept()) do
  if batch[3] < committed then
    call('HDEL', guard, batch[1])
  end
end
return {'applied', old, known[2] or '-1'}
