-- What find.lua knows of a campaign: its record, as it is stored until a post joins, and whether a sketch is like it.

local byte = string.byte
local KEYS_A_POST, SLOTS, LEAST_VOTES, CANDIDATES, COMPARED, LEAST_SAME, LEAST_EVIDENCE, SAMPLES, LINKS =
  unpack_from('<I4I4I4I4I4I4I4I4I4', ARGV[15])
local RECORD, RECORD_BYTES, MEMBERS_AT = '<I4I4I4I4I4I4i8c8c8BBB', 51, 49

-- A record as a table.
local function opened(record)
  local made, count, texts, links, at = {samples = {}, links = {}}
  made.posts, made.evident, made.accounts, made.agencies, made.told_posts, made.told_accounts, made.first_seen,
    made.account, made.agency, count, texts, links, at = unpack_from(RECORD, record)
  made.members, made.packed = count, sub(record, at, at + SLOTS * count - 1)
  at = at + SLOTS * count
  for index = 1, texts + links do
    local length = unpack_from('<I2', record, at)
    local list = index <= texts and made.samples or made.links
    list[#list + 1] = sub(record, at + 2, at + 1 + length)
    at = at + 2 + length
  end
  return made
end

local function closed(record)
  local parts = {
    pack(RECORD, record.posts, record.evident, record.accounts, record.agencies, record.told_posts,
      record.told_accounts, record.first_seen, record.account, record.agency, record.members, #record.samples,
      #record.links),
    record.packed,
  }
  for _, list in ipairs({record.samples, record.links}) do
    for _, text in ipairs(list) do
      parts[#parts + 1] = pack('<I2', #text) .. text
    end
  end
  return concat(parts)
end

-- The sketches of a campaign's members, those that are compared.
local function sketches_of(record)
  local packed, at, count = record, RECORD_BYTES, nil
  if type(record) == 'table' then
    packed, at, count = record.packed, 0, record.members
  else
    count = byte(record, MEMBERS_AT)
  end
  local sketches = {}
  for member = 1, count do
    sketches[member] = {byte(packed, at + 1, at + SLOTS)}
    at = at + SLOTS
  end
  return sketches
end

-- The post that is compared: the share it must have in common, its sketch, the slots of it that are filled, and what is
-- in them. The lists are the same for all posts, for tables that grow anew are what this would cost most.
local percent, sketch, slots, values, filled = 0, nil, {}, {}, 0
local function compare(seed, least_percent)
  percent, sketch, filled = least_percent, {byte(seed, RECORD_BYTES + 1, RECORD_BYTES + SLOTS)}, 0
  for slot = 1, SLOTS do
    local value = sketch[slot]
    if value > 0 then
      filled = filled + 1
      slots[filled], values[filled] = slot, value
    end
  end
end

-- Whether so many slots in common are enough, of those that are filled.
local function enough(same, of)
  return same >= LEAST_SAME and 100 * same >= percent * of
end

-- Slots in which the post has what one of up to four members has.
local function in_common(a, b, c, d)
  local same = 0
  for at = 1, filled do
    local slot, value = slots[at], values[at]
    if value == a[slot] or value == b[slot] or value == c[slot] or value == d[slot] then
      same = same + 1
    end
  end
  return same
end

-- Slots filled in one of up to four members, or in the post.
local function filled_in(a, b, c, d)
  local size = filled
  for slot = 1, SLOTS do
    if sketch[slot] == 0 and (a[slot] > 0 or b[slot] > 0 or c[slot] > 0 or d[slot] > 0) then
      size = size + 1
    end
  end
  return size
end

-- Whether the post is like a member of the campaign, or has enough of what all of them have together.
local function is_alike(sketches)
  local a, members = sketches[1], #sketches
  local b, c, d = sketches[2] or a, sketches[3] or a, sketches[4] or a
  -- None has more in common with it than all together, and most that are looked at have too little.
  local all = in_common(a, b, c, d)
  if not enough(all, filled) then
    return false
  elseif enough(all, SLOTS) or enough(all, filled_in(a, b, c, d)) then
    return true
  end
  for member = 1, members > 1 and members or 0 do
    local one = sketches[member]
    local same = in_common(one, one, one, one)
    if enough(same, filled) and enough(same, filled_in(one, one, one, one)) then
      return true
    end
  end
  return false
end
