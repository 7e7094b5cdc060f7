-- What apply.lua and find.lua begin with: the guard of a partition, a hash with the epoch of its owner, the last offset
-- dealt with, and what was answered for each batch since the committed offset, under its first and last offset.

local call, sub, concat = redis.call, string.sub, table.concat
local pack, unpack_from = struct.pack, struct.unpack
local guard = KEYS[1]
-- Lua's C stack takes 8,000 values at once.
local AT_ONCE = 3500

-- A hash lives for its ttl after it was last written to, and up to a thirty-second of it longer, so that this need not be
-- said anew at each write. When it was said is kept in the hash, under a name that no key has. A small hash is a list
-- that every look-up walks, ten times slower near its limit (512 fields): a value beyond hash-max-listpack-value (64
-- bytes), as this one is, makes a table of it.
local LIVES_SINCE, SAID_ANEW = 'lives since', 32
local now = tonumber(call('TIME')[1])

local function is_due(since, ttl)
  since = since and tonumber(since)
  return not since or now - since >= math.floor(ttl / SAID_ANEW)
end

local function live_anew(name, ttl)
  call('HSET', name, LIVES_SINCE, string.format('%-65d', now))
  call('EXPIRE', name, ttl + math.floor(ttl / SAID_ANEW))
end

-- The answer for an owner that is none any more; or nil, and the last offset dealt with, if there is one.
local function claimed(epoch, last_field)
  local known = call('HMGET', guard, 'epoch', last_field)
  local newest = tonumber(known[1] or 0)
  if tonumber(epoch) < newest then
    return {'stale', known[1]}
  elseif tonumber(epoch) > newest then
    -- Before anything else, for a first call that only asks must fence the former owner as well.
    call('HSET', guard, 'epoch', epoch)
  end
  return nil, known[2]
end

-- The fields of the batches kept under `mark`, with their first and last offsets.
local function kept(mark)
  local found = {}
  for _, field in ipairs(call('HKEYS', guard)) do
    local from, to = string.match(field, '^' .. mark .. '(%d+)%-(%d+)$')
    if from then
      found[#found + 1] = {field, tonumber(from), tonumber(to)}
    end
  end
  return found
end

-- The status, the last offset dealt with, and what was answered for each batch that shares offsets with this one.
local function answered(status, dealt_with, mark, first, last)
  local answer = {status, dealt_with}
  for _, batch in ipairs(kept(mark)) do
    if batch[2] <= last and batch[3] >= first then
      answer[#answer + 1] = call('HGET', guard, batch[1])
    end
  end
  return answer
end

-- Keep what is answered for a batch; forget those that are committed.
local function keep_answer(last_field, mark, first, last, answer, committed, ttl)
  call('HSET', guard, last_field, last, mark .. first .. '-' .. last, answer)
  call('EXPIRE', guard, ttl)
  for _, batch in ipairs(kept(mark)) do
    if batch[3] < committed then
      call('HDEL', guard, batch[1])
    end
  end
end
