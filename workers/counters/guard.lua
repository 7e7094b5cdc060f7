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

-- The first and last offset of each batch of which something is kept, by its field.
local function kept(marks)
  local found = {}
  for _, field in ipairs(call('HKEYS', guard)) do
    local from, to = string.match(field, '^' .. marks .. '(%d+)%-(%d+)$')
    if from then
      found[field] = {tonumber(from), tonumber(to)}
    end
  end
  return found
end

-- The status, the last offset dealt with, and what was kept for each batch that shares offsets with this one.
local function answered(status, dealt_with, first, last, mark, other)
  local answer = {status, dealt_with}
  for field, bounds in pairs(kept(mark)) do
    if bounds[1] <= last and bounds[2] >= first then
      answer[#answer + 1] = call('HGET', guard, field)
      if other then
        answer[#answer + 1] = call('HGET', guard, other .. sub(field, 2))
      end
    end
  end
  return answer
end

-- Keep what is answered for a batch, each part under its mark; forget all that is kept of batches that are committed.
local function keep_answer(last_field, first, last, committed, ttl, mark, part, other, other_part)
  local bounds = first .. '-' .. last
  call('HSET', guard, last_field, last, mark .. bounds, part)
  if other then
    call('HSET', guard, other .. bounds, other_part)
  end
  call('EXPIRE', guard, ttl)
  for field, its_bounds in pairs(kept('%l*')) do
    if its_bounds[2] < committed then
      call('HDEL', guard, field)
    end
  end
end
