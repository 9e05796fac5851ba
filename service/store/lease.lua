#!lua
-- Take, renew or release the lease of the one process that owns the shards of one machine.
--
-- KEYS  1 lease  string with a TTL: the holder
-- ARGV  1 holder   2 for so many ms, '0' = release
--
-- Returns 1 when `holder` has (or had) the lease, 0 while another holds it

local held_by = redis.call('GET', KEYS[1])
if held_by and held_by ~= ARGV[1] then
  return 0
end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1
