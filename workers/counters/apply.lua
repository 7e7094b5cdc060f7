-- One batch of one partition: the replay guard (guard.lua), then read, add, write. store.py describes the packed forms.
--
-- KEYS  guard; all else is named `prefix .. identity:wBLOCK`, which holds the guard's hash tag
-- ARGV  mode, epoch, committed, first, last, guard ttl, members a pane, prefix, identities, segments, count segments,
--       keys, additions, recipe
-- Returns {"applied", old values, last offset applied before (-1: none)} | {"stale", newest epoch}
--         | {"redelivered", applied, recipe, old values, recipe, old values...}

local byte, find, format, rep = string.byte, string.find, string.format, string.rep
local COUNT, COUNT_BYTES, MEMBER_BYTES, FULL = '<I4B', 5, 9, 128

local mode, committed, first, last = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local cap, prefix, count_segments = tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[11])
local keys, additions, recipe = ARGV[12], ARGV[13], ARGV[14]
local SEGMENT, SEGMENT_BYTES = '<I4I4I4i8I4', 24

local stale, applied = claimed(ARGV[2], 'applied')
if stale then
  return stale
elseif mode == 'apply' and applied and first <= tonumber(applied) then
  return answered('redelivered', applied, first, last, 'r', 'c')
end

-- The segments, cut into chunks that go through in one call: their hashes, that of the block before if they look back,
-- and their fields.
local identities = {}
for identity in string.gmatch(ARGV[9], '[^,]+') do
  identities[#identities + 1] = identity
end
local names, names_before, ttls, sizes, fields, chunks, count_chunks = {}, {}, {}, {}, {}, 0, 0
local eights = made_once(function(size) return rep('c8', size) end)
local in_block = made_once(function(block) return format(':w%.0f', block) end)
local key_at = 1
for segment = 1, #ARGV[10] / SEGMENT_BYTES do
  local identity, cells, ttl, block, looks_back = unpack_from(SEGMENT, ARGV[10], (segment - 1) * SEGMENT_BYTES + 1)
  identity = identities[identity + 1]
  for from = 1, cells, AT_ONCE do
    local size = math.min(cells - from + 1, AT_ONCE)
    chunks = chunks + 1
    names[chunks], ttls[chunks] = prefix .. identity .. in_block[block], ttl
    names_before[chunks] = looks_back > 0 and prefix .. identity .. in_block[block - 1]
    sizes[chunks], fields[chunks] = size, {unpack_from(eights[size], keys, key_at)}
    key_at = key_at + 8 * size
  end
  if segment == count_segments then
    count_chunks = chunks
  end
end

-- Read. `current` keeps what is there now, to be added to; behind its cells, since when the hash lives anew.
local flags, lengths, counts, members, current, flag_at, length_at = {}, {}, {}, {}, {}, 0, 0
local length_of = made_once(function(length) return pack('<I4', length) end)
local one_behind = made_once(function(zeros) return rep('0', zeros) .. '1' end)
local function read(chunk, values)
  local size, into, found_at = sizes[chunk], chunk <= count_chunks and counts or members, 0
  local at = #into
  for cell = 1, size do
    local value = values[cell]
    if value then
      flag_at, length_at, at = flag_at + 1, length_at + 1, at + 1
      flags[flag_at], lengths[length_at], into[at] = one_behind[cell - found_at - 1], length_of[#value], value
      found_at = cell
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
  if names_before[chunk] then
    read(chunk, call('HMGET', names_before[chunk], unpack(fields[chunk], 1, sizes[chunk])))
  end
end
local flag_part, length_part, count_part = concat(flags), concat(lengths), concat(counts)
local old = pack('<I4I4I4', #flag_part, #length_part, #count_part) .. flag_part .. length_part .. count_part
  .. concat(members)
if mode == 'peek' then
  return {'applied', old}
end

-- The value with the posts of `more`. Most are of its last pane, or of a later one.
local function add(value, more)
  local last_pane, pane = byte(value, -1), byte(more, COUNT_BYTES)
  if last_pane < pane then
    return value .. more
  elseif last_pane == pane and #more == COUNT_BYTES then
    local posts = unpack_from('<I4', value, #value - COUNT_BYTES + 1) + unpack_from('<I4', more)
    return sub(value, 1, -COUNT_BYTES - 1) .. pack(COUNT, posts, pane)
  end
  local posts, parts = {}, {}
  for _, from in ipairs({value, more}) do
    for at = 1, #from, COUNT_BYTES do
      local count, its_pane = unpack_from(COUNT, from, at)
      posts[its_pane] = (posts[its_pane] or 0) + count
    end
  end
  for its_pane = 0, FULL - 1 do
    parts[#parts + 1] = posts[its_pane] and pack(COUNT, posts[its_pane], its_pane)
  end
  return concat(parts)
end

local function holds(value, member)
  local at = find(value, member, 1, true)
  while at and (at - 1) % MEMBER_BYTES ~= 0 do
    at = find(value, member, at + 1, true)
  end
  return at
end

-- Where the members of a pane begin, or those of the first pane behind it.
local function pane_at(value, pane)
  local low, high = 0, #value / MEMBER_BYTES
  while low < high do
    local middle = math.floor((low + high) / 2)
    if byte(value, (middle + 1) * MEMBER_BYTES) % FULL < pane then
      low = middle + 1
    else
      high = middle
    end
  end
  return low * MEMBER_BYTES + 1
end

-- The members of a pane with those that come, or nil if nothing changes.
local function unite_pane(have, come, pane)
  if have ~= '' and byte(have, -1) >= FULL then
    return nil
  elseif byte(come, -1) >= FULL then
    return come
  end
  local fresh = {}
  for at = 1, #come, MEMBER_BYTES do
    local member = sub(come, at, at + MEMBER_BYTES - 1)
    if not holds(have, member) then
      fresh[#fresh + 1] = member
    end
  end
  if #have / MEMBER_BYTES + #fresh >= cap then
    return rep('\0', MEMBER_BYTES - 1) .. string.char(FULL + pane)
  end
  return #fresh > 0 and have .. concat(fresh) or nil
end

-- The value with members of any panes.
local function unite_panes(value, more)
  local parts, kept, at = {}, 1, 1
  while at < #more do
    local pane = byte(more, at + MEMBER_BYTES - 1) % FULL
    local from, stop, next_at = pane_at(value, pane), pane_at(value, pane + 1), pane_at(more, pane + 1)
    local united = unite_pane(sub(value, from, stop - 1), sub(more, at, next_at - 1), pane)
    if united then
      parts[#parts + 1] = sub(value, kept, from - 1) .. united
      kept = stop
    end
    at = next_at
  end
  return concat(parts) .. sub(value, kept)
end

-- The value with the members of `more` it does not hold yet. Most are of its last pane, or of a later one.
local function unite(value, more)
  for at = 1, #more, MEMBER_BYTES do
    local last_pane, pane = byte(value, -1), byte(more, at + MEMBER_BYTES - 1)
    if last_pane < pane and pane < FULL then
      return value .. sub(more, at)
    elseif last_pane ~= pane or #value >= (cap - 1) * MEMBER_BYTES then
      return unite_panes(value, sub(more, at))
    end
    local member = #more == MEMBER_BYTES and more or sub(more, at, at + MEMBER_BYTES - 1)
    if not holds(value, member) then
      value = value .. member
    end
  end
  return value
end

-- Write. The first write is an HSET: a full or read-only server refuses it before anything has changed.
local addition_at, written = 1, {}
local additions_of = made_once(function(size) return '<' .. rep('I4c0', size) end)
for chunk = 1, chunks do
  local name, size, has, own, at = names[chunk], sizes[chunk], current[chunk], fields[chunk], 0
  local more, added = {unpack_from(additions_of[size], additions, addition_at)}, chunk <= count_chunks and add or unite
  addition_at = more[size + 1]
  if is_due(has[size + 1], ttls[chunk]) then
    live_anew(name, ttls[chunk])
  end
  for cell = 1, size do
    local value, comes = has[cell], more[cell]
    if comes ~= '' then
      local new = value and added(value, comes) or comes
      if new ~= value then
        written[at + 1], written[at + 2] = own[cell], new
        at = at + 2
      end
    end
  end
  if at > 0 then
    call('HSET', name, unpack(written, 1, at))
  end
end

local bounds = ARGV[4] .. '-' .. ARGV[5]
keep_answer(committed, ARGV[6], 'applied', ARGV[5], 'r' .. bounds, recipe, 'c' .. bounds, old)
return {'applied', old, applied or '-1'}
