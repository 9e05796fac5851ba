#!lua
-- Note what the owner of a shard decides alone now; the next owner finds it when this one dies of it.
--
-- KEYS  1 {s}:epoch  string, the owner's fence
--       2 {s}:meta   hash: alone
-- ARGV  1 epoch of the caller
--       2 'times what', '' takes the note back
--
-- Returns {'OK'}
--         {'FENCED', epoch}   another owner took the shard: nothing changed

local stored_epoch = redis.call('GET', KEYS[1])
if stored_epoch ~= ARGV[1] then
  return {'FENCED', stored_epoch or '0'}
end
redis.call('HSET', KEYS[2], 'alone', ARGV[2])
return {'OK'}
