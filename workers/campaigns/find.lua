-- One batch of one partition: the replay guard (guard.lua), then a campaign for each post (alike.lua). finding.py
-- describes the packed forms.
--
-- KEYS  guard; all else is named `prefix .. ...`, which holds the guard's hash tag
-- ARGV  epoch, committed, first, last, guard ttl, prefix, ttl, least accounts, blocks, key counts, keys, numbers,
--       offsets, heads, posts, slots, values, samples, constants
-- Returns {"found", answer} | {"before", last offset asked for, answers...} | {"stale", newest epoch}

local committed, first, last = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local prefix, ttl, least_accounts = ARGV[6], ARGV[7], tonumber(ARGV[8])
local keys, numbers, offsets, heads, posts = ARGV[11], ARGV[12], ARGV[13], ARGV[14], ARGV[15]
local all_slots, all_values, samples = ARGV[16], ARGV[17], ARGV[18]
local ID, KEY, NUMBERS = 8, 4, '<' .. string.rep('I4', KEYS_A_POST)
local HEAD, HEAD_BYTES = '<I4I4I4I4I4', 20
local POST_BYTES = ID + RECORD_BYTES + SLOTS
local NOBODY = string.rep('\0', 8)
-- Behind an id under a key: the campaign has more than one post.
local MANY = '+'

local stale, dealt_with = claimed(ARGV[1], 'found')
if stale then
  return stale
elseif dealt_with and first <= tonumber(dealt_with) then
  return answered('before', dealt_with, first, last, 'f')
end

-- The names of what is kept of each block, and of the block before.
local key_hashes, post_hashes, key_counts = {}, {}, {}
for block in string.gmatch(ARGV[9], '[^,]+') do
  local before, at = string.format('%.0f', tonumber(block) - 1), #key_hashes + 1
  key_hashes[at] = {prefix .. 'key:' .. block, prefix .. 'key:' .. before}
  post_hashes[at] = {prefix .. 'post:' .. block, prefix .. 'post:' .. before}
end
for many in string.gmatch(ARGV[10], '[^,]+') do
  key_counts[#key_counts + 1] = tonumber(many)
end

-- The keys have numbers, those of the first block the first ones. By number what is stored under each in its block,
-- and `held`, which the posts change; or else what is in the block before, `older`.
local stored, held, older, lives, chunks, count = {}, {}, {}, {}, {}, 0
for block = 1, #key_hashes do
  local name, before = unpack(key_hashes[block])
  local has_before, left = call('EXISTS', before) == 1, key_counts[block]
  while left > 0 do
    local size = math.min(left, AT_ONCE)
    local fields, missing, number_of = {unpack_from(string.rep('c4', size), keys, KEY * count + 1)}, {}, {}
    local values = call('HMGET', name, LIVES_SINCE, unpack(fields, 1, size))
    lives[block] = values[1]
    for at = 1, size do
      local value = values[at + 1]
      stored[count + at], held[count + at] = value, value
      if has_before and not value then
        missing[#missing + 1], number_of[#number_of + 1] = fields[at], count + at
      end
    end
    for at, value in ipairs(#missing > 0 and call('HMGET', before, unpack(missing)) or {}) do
      older[number_of[at]] = value or nil
    end
    chunks[#chunks + 1] = {block, count, size, fields}
    count, left = count + size, left - size
  end
end

-- Campaigns by id: a string as it is stored, or a table once a post has joined; and their members' sketches. `seeds` has
-- the block of those that begin with this batch and still are of one post; those of more have a key of their own.
local records, sketches, seeds, members = {}, {}, {}, {}

local campaign = prefix .. 'campaign:'
local function looked_up(id, block)
  local record = records[id]
  if record == nil then
    record = call('GET', campaign .. id) or call('HGET', post_hashes[block][1], id)
      or call('HGET', post_hashes[block][2], id)
    records[id] = record or false
  end
  return record
end

-- The campaign under most of the post's keys that it is like. `order` are those with votes; what is filled of the post's
-- sketch lies behind `from` and up to `to`.
local votes, order = {}, {}
local function likest(voted, block, percent, from, to)
  local slots, values
  for _ = 1, CANDIDATES do
    local candidate, most = nil, LEAST_VOTES - 1
    for at = 1, voted do
      local id = order[at]
      if votes[id] > most then
        candidate, most = id, votes[id]
      end
    end
    if not candidate then
      return nil
    end
    votes[candidate] = 0
    local record = looked_up(candidate, block)
    if record then
      if not slots then
        slots, values = {byte(all_slots, from + 1, to)}, {byte(all_values, from + 1, to)}
      end
      sketches[candidate] = sketches[candidate] or sketches_of(record)
      if is_alike(percent, slots, values, sketches[candidate]) then
        return candidate, type(record) == 'string' and opened(record) or record
      end
    end
  end
end

local touched = {}
local function add_member(kind, id, member)
  local name = prefix .. kind .. ':' .. id
  touched[name] = true
  return call('SADD', name, member)
end

local function join(id, record, seed_at, text, text_end, link_end)
  local _, evident, _, _, _, _, first_seen, account, agency = unpack_from(RECORD, posts, seed_at)
  if record.posts == 1 then
    add_member('accounts', id, record.account)
    if record.agency ~= NOBODY then
      add_member('agencies', id, record.agency)
    end
  end
  record.posts, record.evident = record.posts + 1, record.evident + evident
  record.first_seen = math.min(record.first_seen, first_seen)
  record.accounts = record.accounts + add_member('accounts', id, account)
  if agency ~= NOBODY then
    record.agencies = record.agencies + add_member('agencies', id, agency)
  end
  if record.members < COMPARED then
    record.members = record.members + 1
    record.packed = record.packed .. sub(posts, seed_at + RECORD_BYTES, seed_at + RECORD_BYTES + SLOTS - 1)
    sketches[id] = nil
  end
  if record.samples < SAMPLES and text < text_end then
    keep(record, 'samples', sub(samples, text + 1, text_end))
  end
  if record.links < LINKS and text_end < link_end then
    keep(record, 'links', sub(samples, text_end + 1, link_end))
  end
end

local found, grown, text, filled = {}, {}, 0, 0
local bare = made_once(function(id) return sub(id, 1, ID) end)
for post = 1, #offsets / 8 do
  local voted, own_numbers = 0, {unpack_from(NUMBERS, numbers, 4 * KEYS_A_POST * (post - 1) + 1)}
  for part = 1, KEYS_A_POST do
    local number = own_numbers[part]
    local id, weight = held[number] or older[number], 1
    if id then
      if #id > ID then
        id, weight = bare[id], LEAST_VOTES
      end
      local before = votes[id]
      if before then
        votes[id] = before + weight
      else
        voted = voted + 1
        votes[id], order[voted] = weight, id
      end
    end
  end
  local block, percent, text_end, link_end, filled_end = unpack_from(HEAD, heads, (post - 1) * HEAD_BYTES + 1)
  local at, id, record, shown = (post - 1) * POST_BYTES + 1, nil, nil, '\0'
  if voted > 0 then
    id, record = likest(voted, block + 1, percent, filled, filled_end)
    for place = 1, voted do
      votes[order[place]] = nil
    end
    if id then
      join(id, record, at + ID, text, text_end, link_end)
      if record.accounts >= least_accounts and record.evident >= LEAST_EVIDENCE * record.posts then
        shown = '\1'
        if record.accounts >= 2 * record.told_accounts or record.posts >= 2 * record.told_posts then
          record.told_accounts, record.told_posts = record.accounts, record.posts
          local told = closed(record)
          grown[#grown + 1] = sub(offsets, post * 8 - 7, post * 8) .. pack('<I4', #told) .. told
        end
      end
    end
  end
  local step, from, value = 1, 1, id and id .. MANY
  if id then
    seeds[id], members[id] = nil, true
  else
    id, record = sub(posts, at, at + ID - 1), sub(posts, at + ID, at + POST_BYTES - 1)
    -- Half of the keys of a post that is like no other, for most never will be.
    step, from, value = 2, 1 + byte(id, 1) % 2, id
    seeds[id] = block + 1
  end
  records[id] = record
  for part = from, KEYS_A_POST, step do
    held[own_numbers[part]] = value
  end
  -- The number of no key.
  held[0] = nil
  text, filled = link_end, filled_end
  found[post] = sub(offsets, post * 8 - 7, post * 8) .. id .. shown
end

-- Write. The first write is an HSET or, before it, a SADD: a full or read-only server refuses either.
local function write(name, pairs_of, since)
  if is_due(since, ttl) then
    live_anew(name, ttl)
  end
  for from = 1, #pairs_of, 2 * AT_ONCE do
    call('HSET', name, unpack(pairs_of, from, math.min(from + 2 * AT_ONCE - 1, #pairs_of)))
  end
end

local changed, begun = {}, {}
for block = 1, #key_hashes do
  changed[block], begun[block] = {}, {}
end
for _, chunk in ipairs(chunks) do
  local block, from, many, fields = unpack(chunk)
  local pairs_of = changed[block]
  local size = #pairs_of
  for at = 1, many do
    local value = held[from + at]
    if value ~= stored[from + at] then
      pairs_of[size + 1], pairs_of[size + 2] = fields[at], value
      size = size + 2
    end
  end
end
for id, block in pairs(seeds) do
  local size = #begun[block]
  begun[block][size + 1], begun[block][size + 2] = id, records[id]
end
for block = 1, #key_hashes do
  write(key_hashes[block][1], changed[block], lives[block])
end
for block = 1, #key_hashes do
  if #begun[block] > 0 then
    local name = post_hashes[block][1]
    write(name, begun[block], call('HGET', name, LIVES_SINCE))
  end
end
for id in pairs(members) do
  call('SET', campaign .. id, closed(records[id]), 'EX', ttl)
end
for name in pairs(touched) do
  call('EXPIRE', name, ttl)
end

local answer = pack('<I4', #offsets / 8) .. concat(found) .. concat(grown)
keep_answer(committed, ARGV[5], 'found', ARGV[4], 'f' .. ARGV[3] .. '-' .. ARGV[4], answer)
return {'found', answer}
