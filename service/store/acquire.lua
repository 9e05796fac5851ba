#!lua
-- Become the owner of a shard: raise its epoch, so that every earlier owner is fenced.
--
-- KEYS  1 {s}:epoch  string, the owner's fence
--       2 {s}:off    hash, source -> position after the last one committed
--       3 {s}:meta   hash: seq, last (digest), epoch (of the last commit), owners and
--                timer_owners (since an offset, or timers, were last committed), alone, format, partitions
-- ARGV  1 format of the layout this program writes
--       2 partitions of the topic, '' = leave unchecked
--
-- Returns {'OK', epoch, seq, owners, timer_owners, alone ('' or 'times what'), source, position, ...}
--         {'UNFIT', 'format' | 'partitions', stored value}; then nothing was written

local epoch_key, off_key, meta_key = KEYS[1], KEYS[2], KEYS[3]
local meta = redis.call('HMGET', meta_key, 'format', 'partitions', 'seq', 'alone')
local old = tonumber(redis.call('GET', epoch_key) or '0')
local offsets = redis.call('HGETALL', off_key)

if meta[1] and meta[1] ~= ARGV[1] then
  return {'UNFIT', 'format', meta[1]}
end
if ARGV[2] ~= '' and meta[2] and meta[2] ~= ARGV[2] then
  return {'UNFIT', 'partitions', meta[2]}
end

-- Never below the clock: a server that lost its last second would else hand out one epoch twice.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch = string.format('%.0f', math.max(old + 1, now_ms))
redis.call('SET', epoch_key, epoch)
redis.call('HSET', meta_key, 'format', ARGV[1])
if ARGV[2] ~= '' then
  redis.call('HSET', meta_key, 'partitions', ARGV[2])
end
local owners = redis.call('HINCRBY', meta_key, 'owners', 1)
local timer_owners = redis.call('HINCRBY', meta_key, 'timer_owners', 1)

local reply = {'OK', epoch, meta[3] or '0', owners, timer_owners, meta[4] or ''}
for i = 1, #offsets do
  reply[#reply + 1] = offsets[i]
end
return reply
