-- One batch of one partition: the replay guard (guard.lua), then a campaign for each post. finding.py describes the
-- packed forms.
--
-- KEYS  guard; all else is named `prefix .. ...`, which holds the guard's hash tag
-- ARGV  epoch, committed, first, last, guard ttl, prefix, ttl, least accounts, blocks, keys, offsets, heads, posts,
--       samples, constants
-- Returns {"found", answer} | {"before", last offset asked for, answers...} | {"stale", newest epoch}

local byte = string.byte
local committed, first, last = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local prefix, ttl, least_accounts = ARGV[6], ARGV[7], tonumber(ARGV[8])
local keys, offsets, heads, posts, samples = ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14]
local KEYS_A_POST, SLOTS, SHARDS, LEAST_VOTES, CANDIDATES, COMPARED, LEAST_SAME, LEAST_PERCENT, LEAST_EVIDENCE,
  SAMPLES, LINKS =
  unpack_from('<I4I4I4I4I4I4I4I4I4I4I4', ARGV[15])
local HEAD, HEAD_BYTES = '<I4I4I4I4I4', 20
local RECORD, RECORD_BYTES = '<I4I4I4I4I4I4i8c8c8BBB', 51
local POST_BYTES = 8 + RECORD_BYTES + SLOTS
local NOBODY, NO_KEY = string.rep('\0', 8), string.rep('\255', 4)
-- Behind an id under a key: the campaign has more than one post.
local MANY = '+'

local stale, dealt_with = claimed(ARGV[1], 'found')
if stale then
  return stale
elseif dealt_with and first <= tonumber(dealt_with) then
  return answered('before', dealt_with, 'f', first, last)
end

local blocks = {}
for block in string.gmatch(ARGV[9], '[^,]+') do
  blocks[#blocks + 1] = {block, string.format('%.0f', tonumber(block) - 1)}
end

local function hash_of(kind, block, shard)
  return prefix .. kind .. ':' .. block .. ':' .. shard
end

local function shard_of(id)
  return math.floor(byte(id, 8) * SHARDS / 256)
end

-- Each post's keys by part; and the ids under them, of the post's block or the one before.
local post_count = #offsets / 8
local block_of, fields, held, written = {}, {}, {}, {}
for block = 1, #blocks do
  held[block], written[block] = {}, {}
end
for post = 1, post_count do
  block_of[post] = unpack_from('<I4', heads, (post - 1) * HEAD_BYTES + 1) + 1
end
local function load(block, part, wanted)
  local found = {}
  held[block][part], written[block][part] = found, {}
  for before = 2, 1, -1 do
    local name = hash_of('like', blocks[block][before], part)
    if call('EXISTS', name) == 1 then
      for from = 1, #wanted, AT_ONCE do
        local to = math.min(from + AT_ONCE - 1, #wanted)
        local values = call('HMGET', name, unpack(wanted, from, to))
        for at = from, to do
          found[wanted[at]] = values[at - from + 1] or found[wanted[at]]
        end
      end
    end
  end
end
for part = 1, KEYS_A_POST do
  local own, wanted, base = {}, {}, (part - 1) * post_count * 4
  fields[part] = own
  for post = 1, post_count do
    local key, block = sub(keys, base + post * 4 - 3, base + post * 4), block_of[post]
    own[post] = key
    if key ~= NO_KEY then
      local list = wanted[block]
      if list then
        list[#list + 1] = key
      else
        wanted[block] = {key}
      end
    end
  end
  for block = 1, #blocks do
    load(block, part, wanted[block] or {})
  end
end

-- Campaigns by id: a string as it is stored, or a table once it is looked into. `seeds` names the hash of those that
-- begin with this batch and still are of one post; those of more have a key of their own.
local records, seeds, members = {}, {}, {}

local function opened(id, block)
  local record = records[id]
  if record == nil then
    local shard = shard_of(id)
    record = call('GET', prefix .. 'campaign:' .. id)
      or call('HGET', hash_of('seed', blocks[block][1], shard), id)
      or call('HGET', hash_of('seed', blocks[block][2], shard), id)
  end
  if type(record) == 'string' then
    local made, count, texts, links, at = {sketches = {}, packed = {}, samples = {}, links = {}}
    made.posts, made.evident, made.accounts, made.agencies, made.told_posts, made.told_accounts, made.first_seen,
      made.account, made.agency, count, texts, links, at = unpack_from(RECORD, record)
    for index = 1, count do
      made.packed[index] = sub(record, at, at + SLOTS - 1)
      at = at + SLOTS
    end
    for index = 1, texts + links do
      local length = unpack_from('<I2', record, at)
      local list = index <= texts and made.samples or made.links
      list[#list + 1] = sub(record, at + 2, at + 1 + length)
      at = at + 2 + length
    end
    record = made
  end
  records[id] = record or false
  return record
end

local function closed(record)
  local parts = {
    pack(RECORD, record.posts, record.evident, record.accounts, record.agencies, record.told_posts,
      record.told_accounts, record.first_seen, record.account, record.agency, #record.packed, #record.samples,
      #record.links),
    concat(record.packed),
  }
  for _, list in ipairs({record.samples, record.links}) do
    for _, text in ipairs(list) do
      parts[#parts + 1] = pack('<I2', #text) .. text
    end
  end
  return concat(parts)
end

-- Whether so many slots in common are enough, of those filled.
local function enough(same, filled)
  return same >= LEAST_SAME and 100 * same >= LEAST_PERCENT * filled
end

-- Whether a sketch is like that of a member of the campaign, or has enough of what all of them have together.
local function is_alike(sketch, record)
  local shared, foreign, all_same, all_filled = {}, {}, 0, 0
  for slot = 1, SLOTS do
    all_filled = all_filled + (sketch[slot] > 0 and 1 or 0)
  end
  for index, packed in ipairs(record.packed) do
    local other = record.sketches[index]
    if not other then
      other = {byte(packed, 1, SLOTS)}
      record.sketches[index] = other
    end
    local same, empty = 0, 0
    for slot = 1, SLOTS do
      local own, value = sketch[slot], other[slot]
      if own == 0 and value == 0 then
        empty = empty + 1
      elseif own == value then
        same = same + 1
        if not shared[slot] then
          shared[slot], all_same = true, all_same + 1
        end
      elseif own == 0 and not foreign[slot] then
        foreign[slot], all_filled = true, all_filled + 1
      end
    end
    if enough(same, SLOTS - empty) then
      return true
    end
  end
  return enough(all_same, all_filled)
end

-- The campaign under most of the post's keys that it is like.
local function likest(votes, order, sketch, block)
  for _ = 1, CANDIDATES do
    local candidate, most = nil, LEAST_VOTES - 1
    for _, id in ipairs(order) do
      if votes[id] > most then
        candidate, most = id, votes[id]
      end
    end
    if not candidate then
      return nil
    end
    votes[candidate] = 0
    local record = opened(candidate, block)
    if record and is_alike(sketch, record) then
      return candidate, record
    end
  end
end

local touched = {}
local function add_member(kind, id, member)
  local name = prefix .. kind .. ':' .. id
  touched[name] = true
  return call('SADD', name, member)
end

local function keep(list, most, text)
  if text == '' or #list >= most then
    return
  end
  for _, other in ipairs(list) do
    if other == text then
      return
    end
  end
  list[#list + 1] = text
end

local function join(id, record, seed, text, link)
  local _, evident, _, _, _, _, _, account, agency = unpack_from(RECORD, seed)
  if record.posts == 1 then
    add_member('accounts', id, record.account)
    if record.agency ~= NOBODY then
      add_member('agencies', id, record.agency)
    end
  end
  record.posts, record.evident = record.posts + 1, record.evident + evident
  record.accounts = record.accounts + add_member('accounts', id, account)
  if agency ~= NOBODY then
    record.agencies = record.agencies + add_member('agencies', id, agency)
  end
  if #record.packed < COMPARED then
    record.packed[#record.packed + 1] = sub(seed, RECORD_BYTES + 1)
  end
  keep(record.samples, SAMPLES, text)
  keep(record.links, LINKS, link)
end

local found, grown = {}, {}
for post = 1, post_count do
  local at, block = (post - 1) * POST_BYTES + 1, block_of[post]
  local own, votes, order, ids = sub(posts, at, at + 7), nil, nil, held[block]
  for part = 1, KEYS_A_POST do
    local id, weight = ids[part][fields[part][post]], 1
    if id then
      if #id > 8 then
        id, weight = sub(id, 1, 8), LEAST_VOTES
      end
      if not votes then
        votes, order = {}, {}
      end
      if not votes[id] then
        votes[id] = 0
        order[#order + 1] = id
      end
      votes[id] = votes[id] + weight
    end
  end
  local seed, id, record, shown = sub(posts, at + 8, at + POST_BYTES - 1), nil, nil, '\0'
  if votes then
    local sketch = {byte(seed, RECORD_BYTES + 1, RECORD_BYTES + SLOTS)}
    id, record = likest(votes, order, sketch, block)
    if id then
      local _, text, text_end, link, link_end = unpack_from(HEAD, heads, (post - 1) * HEAD_BYTES + 1)
      join(id, record, seed, sub(samples, text + 1, text_end), sub(samples, link + 1, link_end))
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
  if not id then
    -- Half of the keys of a post that is like no other, for most never will be.
    id, record, step, from, value = own, seed, 2, 1 + byte(own, 1) % 2, own
  end
  records[id] = record
  seeds[id] = step == 2 and hash_of('seed', blocks[block][1], shard_of(id)) or nil
  members[id] = step == 1 or nil
  for part = from, KEYS_A_POST, step do
    local key = fields[part][post]
    if key ~= NO_KEY then
      ids[part][key], written[block][part][key] = value, value
    end
  end
  found[post] = sub(offsets, post * 8 - 7, post * 8) .. id .. shown
end

-- Write. The first write is an HSET or, before it, a SADD: a full or read-only server refuses either.
local function write(name, pairs_of)
  if call('EXISTS', name) == 0 then
    call('HSET', name, TABLE_FIELD, TABLE_VALUE)
  end
  for from = 1, #pairs_of, 2 * AT_ONCE do
    call('HSET', name, unpack(pairs_of, from, math.min(from + 2 * AT_ONCE - 1, #pairs_of)))
  end
  call('EXPIRE', name, ttl)
end

for block = 1, #blocks do
  for part = 1, KEYS_A_POST do
    local values, size = {}, 0
    for key, id in pairs(written[block][part]) do
      values[size + 1], values[size + 2] = key, id
      size = size + 2
    end
    if size > 0 then
      write(hash_of('like', blocks[block][1], part), values)
    end
  end
end
local by_name = {}
for id, name in pairs(seeds) do
  local values = by_name[name]
  if not values then
    values = {}
    by_name[name] = values
  end
  values[#values + 1] = id
  values[#values + 1] = type(records[id]) == 'table' and closed(records[id]) or records[id]
end
for name, values in pairs(by_name) do
  write(name, values)
end
for id in pairs(members) do
  call('SET', prefix .. 'campaign:' .. id, closed(records[id]), 'EX', ttl)
end
for name in pairs(touched) do
  call('EXPIRE', name, ttl)
end

local answer = pack('<I4', post_count) .. concat(found) .. concat(grown)
keep_answer('found', 'f', ARGV[3], ARGV[4], answer, committed, ARGV[5])
return {'found', answer}
