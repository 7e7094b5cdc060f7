-- One batch of one partition: the replay guard (guard.lua), then a campaign for each post (alike.lua). finding.py
-- describes the packed forms.
--
-- KEYS  guard; all else is named `prefix .. ...`, which holds the guard's hash tag
-- ARGV  epoch, committed, first, last, guard ttl, prefix, ttl, least accounts, blocks, keys, offsets, heads, posts,
--       samples, constants
-- Returns {"found", answer} | {"before", last offset asked for, answers...} | {"stale", newest epoch}

local committed, first, last = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local prefix, ttl, least_accounts = ARGV[6], ARGV[7], tonumber(ARGV[8])
local keys, offsets, heads, posts, samples = ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14]
local ID, KEY, ALL_KEYS = 8, 4, string.rep('c4', KEYS_A_POST)
local HEAD, HEAD_BYTES = '<I4I4I4I4I4I4', 24
local POST_BYTES = ID + RECORD_BYTES + SLOTS
local NOBODY, NO_KEY = string.rep('\0', 8), string.rep('\255', 4)
-- Behind an id under a key: the campaign has more than one post.
local MANY = '+'

local stale, dealt_with = claimed(ARGV[1], 'found')
if stale then
  return stale
elseif dealt_with and first <= tonumber(dealt_with) then
  return answered('before', dealt_with, first, last, 'f')
end

local blocks = {}
for block in string.gmatch(ARGV[9], '[^,]+') do
  blocks[#blocks + 1] = {block, string.format('%.0f', tonumber(block) - 1)}
end

local function hash_of(kind, block)
  return prefix .. kind .. ':' .. block
end

-- The values of these fields, into a table; and since when the hash lives anew.
local function load(name, wanted, found)
  local since
  for from = 1, #wanted, AT_ONCE do
    local to = math.min(from + AT_ONCE - 1, #wanted)
    local values = call('HMGET', name, LIVES_SINCE, unpack(wanted, from, to))
    since = values[1]
    for at = from, to do
      local value = values[at - from + 2]
      if value then
        found[wanted[at]] = value
      end
    end
  end
  return since
end

-- Each post's keys; and by block the ids under them: of the block, or else of the one before.
local post_count = #offsets / 8
local block_of, fields, wanted, held, lives, written = {}, {}, {}, {}, {}, {}
for block = 1, #blocks do
  wanted[block], held[block], written[block] = {}, {}, {}
end
for post = 1, post_count do
  local block = unpack_from('<I4', heads, (post - 1) * HEAD_BYTES + 1) + 1
  local own, list = {unpack_from(ALL_KEYS, keys, (post - 1) * KEYS_A_POST * KEY + 1)}, wanted[block]
  local size = #list
  block_of[post], fields[post] = block, own
  for part = 1, KEYS_A_POST do
    list[size + part] = own[part]
  end
end
for block = 1, #blocks do
  lives[block] = load(hash_of('key', blocks[block][1]), wanted[block], held[block])
  local before, older = hash_of('key', blocks[block][2]), {}
  if call('EXISTS', before) == 1 then
    load(before, wanted[block], older)
    setmetatable(held[block], {__index = older})
  end
end

-- Campaigns by id: a string as it is stored, or a table once a post has joined; and their members' sketches. `seeds` has
-- the block of those that begin with this batch and still are of one post; those of more have a key of their own.
local records, sketches, seeds, members = {}, {}, {}, {}

local function looked_up(id, block)
  local record = records[id]
  if record == nil then
    record = call('GET', prefix .. 'campaign:' .. id) or call('HGET', hash_of('post', blocks[block][1]), id)
      or call('HGET', hash_of('post', blocks[block][2]), id)
    records[id] = record or false
  end
  return record
end

-- The campaign under most of the post's keys that it is like. `order` are those with votes.
local votes, order = {}, {}
local function likest(voted, seed, percent, block)
  local is_new = true
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
      if is_new then
        compare(seed, percent)
        is_new = false
      end
      sketches[candidate] = sketches[candidate] or sketches_of(record)
      if is_alike(sketches[candidate]) then
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

local function keep(list, most, from, to)
  if from == to or #list >= most then
    return
  end
  local text = sub(samples, from + 1, to)
  for _, other in ipairs(list) do
    if other == text then
      return
    end
  end
  list[#list + 1] = text
end

local function join(id, record, seed, post)
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
  if record.members < COMPARED then
    record.members, record.packed = record.members + 1, record.packed .. sub(seed, RECORD_BYTES + 1)
    sketches[id][record.members] = sketch
  end
  local _, _, text, text_end, link, link_end = unpack_from(HEAD, heads, (post - 1) * HEAD_BYTES + 1)
  keep(record.samples, SAMPLES, text, text_end)
  keep(record.links, LINKS, link, link_end)
end

local found, grown = {}, {}
local bare = made_once(function(id) return sub(id, 1, ID) end)
for post = 1, post_count do
  local at, block = (post - 1) * POST_BYTES + 1, block_of[post]
  local own, voted, own_keys, ids = sub(posts, at, at + ID - 1), 0, fields[post], held[block]
  for part = 1, KEYS_A_POST do
    local id, weight = ids[own_keys[part]], 1
    if id then
      if #id > ID then
        id, weight = bare[id], LEAST_VOTES
      end
      if votes[id] then
        votes[id] = votes[id] + weight
      else
        voted = voted + 1
        votes[id], order[voted] = weight, id
      end
    end
  end
  local seed, id, record, shown = sub(posts, at + ID, at + POST_BYTES - 1), nil, nil, '\0'
  if voted > 0 then
    local _, percent = unpack_from('<I4I4', heads, (post - 1) * HEAD_BYTES + 1)
    id, record = likest(voted, seed, percent, block)
    for place = 1, voted do
      votes[order[place]] = nil
    end
    if id then
      join(id, record, seed, post)
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
    -- Half of the keys of a post that is like no other, for most never will be.
    step, from, id, record, value = 2, 1 + byte(own, 1) % 2, own, seed, own
    seeds[id] = block
  end
  records[id] = record
  local pairs_of = written[block]
  local size = #pairs_of
  for part = from, KEYS_A_POST, step do
    local key = own_keys[part]
    if key ~= NO_KEY and (value == own or rawget(ids, key) ~= value) then
      pairs_of[size + 1], pairs_of[size + 2], ids[key] = key, value, value
      size = size + 2
    end
  end
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

local begun = {}
for block = 1, #blocks do
  write(hash_of('key', blocks[block][1]), written[block], lives[block])
  begun[block] = {}
end
for id, block in pairs(seeds) do
  local size = #begun[block]
  begun[block][size + 1], begun[block][size + 2] = id, records[id]
end
for block = 1, #blocks do
  if #begun[block] > 0 then
    local name = hash_of('post', blocks[block][1])
    write(name, begun[block], call('HGET', name, LIVES_SINCE))
  end
end
for id in pairs(members) do
  call('SET', prefix .. 'campaign:' .. id, closed(records[id]), 'EX', ttl)
end
for name in pairs(touched) do
  call('EXPIRE', name, ttl)
end

local answer = pack('<I4', post_count) .. concat(found) .. concat(grown)
keep_answer(committed, ARGV[5], 'found', ARGV[4], 'f' .. ARGV[3] .. '-' .. ARGV[4], answer)
return {'found', answer}
