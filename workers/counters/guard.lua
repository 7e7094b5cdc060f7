-- What apply.lua and find.lua begin with: the guard of a partition, a hash with the epoch of its owner, the last offset
-- dealt with, and what was answered for each batch since the committed offset, under its first and last offset.

local call, sub, concat = redis.call, string.sub, table.concat
local pack, unpack_from = struct.pack, struct.unpack
local guard = KEYS[1]
-- Lua's C stack takes 8,000 values at once.
local AT_ONCE = 3500

-- A table that makes what it does not hold yet.
local function made_once(make)
  return setmetatable({}, {__index = function(all, of)
    local one = make(of)
    all[of] = one
    return one
  end})
end

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
local guard_lives
local function claimed(epoch, last_field)
  local known = call('HMGET', guard, 'epoch', last_field, LIVES_SINCE)
  local newest = tonumber(known[1] or 0)
  guard_lives = known[3]
  if tonumber(epoch) < newest then
    return {'stale', known[1]}
  elseif tonumber(epoch) > newest then
    -- Before anything else, for a first call that only asks must fence the former owner as well.
    call('HSET', guard, 'epoch', epoch)
  end
  return nil, known[2]
end

-- The status, the last offset dealt with, and what was kept under these marks for each batch that shares offsets.
local function answered(status, dealt_with, first, last, mark, other)
  local answer, pattern = {status, dealt_with}, '^' .. mark .. '(%d+)%-(%d+)$'
  for _, field in ipairs(call('HKEYS', guard)) do
    local from, to = string.match(field, pattern)
    if from and tonumber(from) <= last and tonumber(to) >= first then
      answer[#answer + 1] = call('HGET', guard, field)
      answer[#answer + 1] = other and call('HGET', guard, other .. sub(field, 2))
    end
  end
  return answer
end

-- Write these fields and values, what is kept of a batch among them; forget what is of batches that are committed.
local function keep_answer(committed, ttl, ...)
  local gone = {}
  for _, field in ipairs(call('HKEYS', guard)) do
    local to = string.match(field, '^%l*%d+%-(%d+)$')
    if to and tonumber(to) < committed then
      gone[#gone + 1] = field
    end
  end
  call('HSET', guard, ...)
  for from = 1, #gone, AT_ONCE do
    call('HDEL', guard, unpack(gone, from, math.min(from + AT_ONCE - 1, #gone)))
  end
  if is_due(guard_lives, ttl) then
    live_anew(guard, ttl)
  end
end
