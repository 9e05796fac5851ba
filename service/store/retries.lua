#!lua flags=allow-oom
-- Move retries that are due back into the outbox, the earliest first. Like settling, it may run when the server is out of
-- memory: what is moved takes about the room that it leaves.
--
-- KEYS  1 {s}:retry  zset, key NUL blob -> epoch ms when it comes back
--       2 {s}:out    stream k v
-- ARGV  1 now, epoch ms   2 at most so many
--
-- Returns how many were moved

local retry_key, out_key = KEYS[1], KEYS[2]
redis.call('XLEN', out_key)
local due = redis.call('ZRANGEBYSCORE', retry_key, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, member in ipairs(due) do
  local cut = string.find(member, '\0', 1, true)
  redis.call('XADD', out_key, '*', 'k', string.sub(member, 1, cut - 1), 'v', string.sub(member, cut + 1))
  redis.call('ZREM', retry_key, member)
end
return #due
