-- What find.lua knows of a campaign: its record, as it is stored until a post joins, and whether a sketch is like it.

local byte = string.byte
local KEYS_A_POST, SLOTS, LEAST_VOTES, CANDIDATES, COMPARED, LEAST_SAME, LEAST_EVIDENCE, SAMPLES, LINKS =
  unpack_from('<I4I4I4I4I4I4I4I4I4', ARGV[19])
local RECORD, RECORD_BYTES, MEMBERS_AT = '<I4I4I4I4I4I4i8c8c8BBB', 51, 49

-- A record as a table; `samples` and `links` say how many there are of either in `texts`, as it is stored.
local function opened(record)
  local posts, evident, accounts, agencies, told_posts, told_accounts, first_seen, account, agency, members, samples,
    links, at = unpack_from(RECORD, record)
  local texts_at = at + SLOTS * members
  return {
    posts = posts, evident = evident, accounts = accounts, agencies = agencies, told_posts = told_posts,
    told_accounts = told_accounts, first_seen = first_seen, account = account, agency = agency, members = members,
    samples = samples, links = links, packed = sub(record, at, texts_at - 1), texts = sub(record, texts_at),
  }
end

local function closed(record)
  return pack(RECORD, record.posts, record.evident, record.accounts, record.agencies, record.told_posts,
    record.told_accounts, record.first_seen, record.account, record.agency, record.members, record.samples,
    record.links) .. record.packed .. record.texts
end

-- Put a text behind a record's samples, or behind its links, unless it is one of them.
local function keep(record, kind, text)
  local texts, at, before = record.texts, 1, kind == 'links' and record.samples or 0
  text = pack('<I2', #text) .. text
  for index = 1, before + record[kind] do
    local next_at = at + 2 + unpack_from('<I2', texts, at)
    if index > before and sub(texts, at, next_at - 1) == text then
      return
    end
    at = next_at
  end
  record[kind] = record[kind] + 1
  record.texts = sub(texts, 1, at - 1) .. text .. sub(texts, at)
end

-- The sketches of a campaign's members, those that are compared, end to end.
local function sketches_of(record)
  if type(record) == 'table' then
    return {byte(record.packed, 1, -1)}
  end
  return {byte(record, RECORD_BYTES + 1, RECORD_BYTES + SLOTS * byte(record, MEMBERS_AT))}
end

-- Whether so many slots in common are enough, of those that are filled: `percent` of a hundred.
local function enough(percent, same, of)
  return same >= LEAST_SAME and 100 * same >= percent * of
end

-- Slots in which a post has what one of some members has, whose sketches lie behind `from` and up to `to`. Of the post's
-- sketch: which slots are filled, and with what.
local function in_common(slots, values, sketches, from, to)
  local same = 0
  for at = 1, #slots do
    local value = values[at]
    for place = from + slots[at], to, SLOTS do
      if sketches[place] == value then
        same = same + 1
        break
      end
    end
  end
  return same
end

-- Slots filled in one of these members, or in the post.
local function filled_in(slots, sketches, from, to)
  local at, size = 1, #slots
  for slot = 1, SLOTS do
    if slot == slots[at] then
      at = at + 1
    else
      for place = from + slot, to, SLOTS do
        if sketches[place] > 0 then
          size = size + 1
          break
        end
      end
    end
  end
  return size
end

-- Whether a post is like a member of the campaign, or has enough of what all of them have together.
local function is_alike(percent, slots, values, sketches)
  local filled, size = #slots, #sketches
  -- None has more in common with it than all together, and most that are looked at have too little.
  local all = in_common(slots, values, sketches, 0, size)
  if not enough(percent, all, filled) then
    return false
  elseif enough(percent, all, SLOTS) or enough(percent, all, filled_in(slots, sketches, 0, size)) then
    return true
  end
  for from = 0, size > SLOTS and size - 1 or -1, SLOTS do
    local to = from + SLOTS
    local same = in_common(slots, values, sketches, from, to)
    if enough(percent, same, filled) and enough(percent, same, filled_in(slots, sketches, from, to)) then
      return true
    end
  end
  return false
end
