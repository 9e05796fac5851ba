#!lua flags=allow-oom
-- Record the outcome of one attempt to deliver. Acts only when it is this call that removes the entry from the
-- outbox: of two workers that hold one entry, the second changes nothing.
--
-- It may run when the server is out of memory: it frees the entry it settles, and an attempt that cannot be recorded
-- would be repeated.
--
-- KEYS  1 {s}:out    stream k v, with the consumer group of ARGV 1
--       2 {s}:retry  zset, key NUL blob -> epoch ms when it comes back
--       3 {s}:dead   stream v
--       4 {s}:sent:<key>  string with a TTL: this key was delivered
--       5 {s}:log    stream s e v
--       6 {s}:emit   stream v
--       7 {s}:meta   hash: seq, epoch (of the last commit)
-- ARGV  1 consumer group   2 entry id   3 sent | retry | dead | fallback | cancelled   4 log blob
--       5 TTL of sent, seconds   6 retry at, epoch ms   7 key to owe again   8 blob to owe again   9 dead blob
--      10.. internal events to emit
--
-- Returns 1 when settled here, 0 when another worker settled it first
-- Errors  ARGS: the outcome is unknown. Nothing changed.

local out_key, retry_key, dead_key, sent_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local log_key, emit_key, meta_key = KEYS[5], KEYS[6], KEYS[7]
local group, id, outcome, log = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local sent_ttl_s, retry_at, again_key, again, dead = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]

local KNOWN = {sent = true, retry = true, dead = true, fallback = true, cancelled = true}
if not KNOWN[outcome] or not tonumber(retry_at) or not tonumber(sent_ttl_s) then
  return redis.error_reply('ARGS unknown outcome or no number: ' .. outcome)
end
-- A key of another type fails here, before the first write.
redis.call('ZCARD', retry_key)
for _, stream in ipairs({out_key, dead_key, log_key, emit_key}) do
  redis.call('XLEN', stream)
end
local meta = redis.call('HMGET', meta_key, 'seq', 'epoch')

redis.call('XACK', out_key, group, id)
if redis.call('XDEL', out_key, id) == 0 then
  return 0
end

if outcome == 'sent' then
  redis.call('SET', sent_key, '1', 'EX', sent_ttl_s)
elseif outcome == 'retry' then
  redis.call('ZADD', retry_key, retry_at, again_key .. '\0' .. again)
elseif outcome == 'dead' then
  redis.call('XADD', dead_key, '*', 'v', dead)
elseif outcome == 'fallback' then
  redis.call('XADD', out_key, '*', 'k', again_key, 'v', again)
end
-- The log names the last commit of the shard, not a new one: a reader must not take a settlement for a rollback.
redis.call('XADD', log_key, '*', 's', meta[1] or '0', 'e', meta[2] or '0', 'v', log)
for i = 10, #ARGV do
  redis.call('XADD', emit_key, '*', 'v', ARGV[i])
end
return 1
