-- One batch of one partition: the replay guard (guard.lua), then read, add, write. store.py describes the packed forms.
--
-- KEYS  guard; all else is named `prefix .. identity:block:shard`, which holds the guard's hash tag
-- ARGV  mode, epoch, committed, first, last, guard ttl, members a pane, prefix, identities, segments, count segments,
--       keys, increments, additions, recipe
-- Returns {"applied", batch, last offset applied before (-1: none)} | {"redelivered", applied, batches...}
--         | {"stale", newest epoch}; a batch is the length of its recipe, the recipe, and the old values

local find, format, rep = string.find, string.format, string.rep
local SIX_U32, SIX_U16 = '<I4I4I4I4I4I4', '<I2I2I2I2I2I2'
local HEADER_BYTES, MEMBER_BYTES, ONE_MEMBER = 12, 8, 20

local mode, committed, first, last = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local cap, prefix, count_segments = tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[11])
local keys, increments, additions, recipe = ARGV[12], ARGV[13], ARGV[14], ARGV[15]
local SEGMENT, SEGMENT_BYTES = '<I4I4I4I4i8', 24

local stale, applied = claimed(ARGV[2], 'applied')
if stale then
  return stale
elseif mode == 'apply' and applied and first <= tonumber(applied) then
  return answered('redelivered', applied, '', first, last)
end

-- A table that makes what it does not hold yet.
local function made_once(make)
  return setmetatable({}, {__index = function(all, of)
    local one = make(of)
    all[of] = one
    return one
  end})
end

-- The segments, cut into chunks that go through in one call: their hashes, that of the block before, and their fields.
local identities = {}
for identity in string.gmatch(ARGV[9], '[^,]+') do
  identities[#identities + 1] = identity
end
local names, names_before, ttls, sizes, fields, chunks, count_chunks = {}, {}, {}, {}, {}, 0, 0
local eights = made_once(function(size) return rep('c8', size) end)
local shards = made_once(function(shard) return format('%x', shard) end)
local of_identity, of_block, own, before, key_at = nil, nil, nil, nil, 1
for segment = 1, #ARGV[10] / SEGMENT_BYTES do
  local identity, shard, cells, ttl, block = unpack_from(SEGMENT, ARGV[10], (segment - 1) * SEGMENT_BYTES + 1)
  if identity ~= of_identity or block ~= of_block then
    of_identity, of_block = identity, block
    own = format('%s%s:%.0f:', prefix, identities[identity + 1], block)
    before = format('%s%s:%.0f:', prefix, identities[identity + 1], block - 1)
  end
  for from = 1, cells, AT_ONCE do
    local size = math.min(cells - from + 1, AT_ONCE)
    chunks = chunks + 1
    names[chunks], names_before[chunks], ttls[chunks] = own .. shards[shard], before .. shards[shard], ttl
    sizes[chunks], fields[chunks] = size, {unpack_from(eights[size], keys, key_at)}
    key_at = key_at + 8 * size
  end
  if segment == count_segments then
    count_chunks = chunks
  end
end

-- Read. `current` keeps what is there now, to be added to; behind its cells, since when the hash lives anew.
local flags, counts, members, lengths, current = {}, {}, {}, {}, {}
local flag_at, count_hits, member_hits = 0, 0, 0
local length_of = made_once(function(length) return pack('<I4', length) end)
local one_behind = made_once(function(zeros) return rep('0', zeros) .. '1' end)
local function read(chunk, values)
  local size, found_at = sizes[chunk], 0
  for cell = 1, size do
    local value = values[cell]
    if value then
      flag_at = flag_at + 1
      flags[flag_at] = one_behind[cell - found_at - 1]
      found_at = cell
      if chunk <= count_chunks then
        count_hits = count_hits + 1
        counts[count_hits] = value
      else
        member_hits = member_hits + 1
        members[member_hits], lengths[member_hits] = value, length_of[#value]
      end
    end
  end
  if found_at < size then
    flag_at = flag_at + 1
    flags[flag_at] = rep('0', size - found_at)
  end
end
for chunk = 1, chunks do
  local own, size = fields[chunk], sizes[chunk]
  own[size + 1] = LIVES_SINCE
  current[chunk] = call('HMGET', names[chunk], unpack(own, 1, size + 1))
  read(chunk, current[chunk])
end
for chunk = 1, chunks do
  read(chunk, call('HMGET', names_before[chunk], unpack(fields[chunk], 1, sizes[chunk])))
end
local flag_part, count_part, length_part, member_part = concat(flags), concat(counts), concat(lengths), concat(members)
local batch = pack('<I4', #recipe) .. recipe
  .. pack('<I4I4I4I4', #flag_part, #count_part, #length_part, #member_part)
  .. flag_part .. count_part .. length_part .. member_part
if mode == 'peek' then
  return {'applied', batch}
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

-- The same of a value that brings one member, as most do.
local have = {}
local two_bytes = made_once(function(size) return pack('<I2', size) end)
local function unite_one(value, more)
  have[1], have[2], have[3], have[4], have[5], have[6] = unpack_from(SIX_U16, value)
  local pane, start = (find(more, '\1', 1, true) + 1) / 2, HEADER_BYTES + 1
  local size = have[pane]
  if size >= cap - 1 then
    return size < cap and unite(value, more) or nil
  end
  for earlier = 1, pane - 1 do
    start = start + (have[earlier] < cap and have[earlier] * MEMBER_BYTES or 0)
  end
  local member, stop = sub(more, HEADER_BYTES + 1), start + size * MEMBER_BYTES
  local at = size > 0 and find(value, member, start, true)
  while at and at < stop do
    if (at - start) % MEMBER_BYTES == 0 then
      return nil
    end
    at = find(value, member, at + 1, true)
  end
  return sub(value, 1, 2 * pane - 2) .. two_bytes[size + 1] .. sub(value, 2 * pane + 1, stop - 1) .. member
    .. sub(value, stop)
end

-- Write. The first write is an HSET: a full or read-only server refuses it before anything has changed.
local increment_at, addition_at, written = 1, 1, {}
local increments_of = made_once(function(size) return rep('c24', size) end)
local additions_of = made_once(function(size) return '<' .. rep('I4c0', size) end)
for chunk = 1, chunks do
  local name, size, has, own, more, at = names[chunk], sizes[chunk], current[chunk], fields[chunk], nil, 0
  if is_due(has[size + 1], ttls[chunk]) then
    live_anew(name, ttls[chunk])
  end
  if chunk <= count_chunks then
    more = {unpack_from(increments_of[size], increments, increment_at)}
    increment_at = more[size + 1]
    for cell = 1, size do
      local value = has[cell]
      written[at + 1], written[at + 2] = own[cell], value and add(value, more[cell]) or more[cell]
      at = at + 2
    end
  else
    more = {unpack_from(additions_of[size], additions, addition_at)}
    addition_at = more[size + 1]
    for cell = 1, size do
      local value, comes = has[cell], more[cell]
      if not value then
        value = comes
      elseif #comes == ONE_MEMBER then
        value = unite_one(value, comes)
      else
        value = comes ~= '' and unite(value, comes)
      end
      if value and value ~= '' then
        written[at + 1], written[at + 2] = own[cell], value
        at = at + 2
      end
    end
  end
  if at > 0 then
    call('HSET', name, unpack(written, 1, at))
  end
end

keep_answer('applied', '', ARGV[4], ARGV[5], batch, committed, ARGV[6])
return {'applied', batch, applied or '-1'}
