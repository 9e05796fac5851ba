#!lua
-- Store one batch of decisions of one shard, whole or not at all. No business logic.
--
-- A script has no rollback, so everything is checked first; then come only writes that cannot fail. The first line
-- makes the server refuse the whole script, before any write, when it is out of memory, read-only or cannot write
-- its AOF. Every key carries the shard's hash tag, so the script runs unchanged on a cluster.
--
-- KEYS  1 {s}:epoch  string, the owner's fence
--       2 {s}:off    hash, source -> position after the last one committed, origin -> offset after the last one forwarded
--       3 {s}:meta   hash: seq, last (digest), epoch (of the last commit), owners (since an offset last moved),
--                    timer_owners (since timers were last committed), alone (being decided alone; '' by a commit)
--       4 {s}:due    zset, subject -> its next due time, epoch ms
--       5 {s}:emit   stream v: internal events decided, not yet published
--       6 {s}:seen   zset, effect key of an applied emit -> epoch ms
--       7 {s}:out    stream k v: deliveries owed, by key
--       8 {s}:dead   stream v: dead letters
--       9 {s}:log    stream s e v: decisions, with the seq and epoch of their commit
--      10.. {s}:c:<subject>  strings: first the states to set, then those to forget
-- ARGV  1 epoch of the caller   2 seq the caller expects   3 digest of everything below
--       4 source, '' for timers   5 position before, '0' = never committed   6 position after
--       7 effect keys seen before this epoch ms are trimmed
--       8.. how many: 8 set  9 forget  10 due  11 undue  12 emit  13 owed  14 log  15 dead  16 seen  17 origin
--      18.. the lists, one after the other, in that order:
--           set: blob | due: ms, subject | undue: subject | emit: blob | owed: key, blob | log: blob | dead: blob
--           | seen: ms, effect key | origin: partition, offset
--
-- Returns {'OK', new seq}
--         {'DONE', new seq}   the same batch was stored before: nothing changed
--         {'FENCED', epoch}   another owner took the shard: nothing changed
--         {'GAP', seq, source, position, ...}   the stored number or position is not the caller's: nothing changed
-- Errors  ARGS: the caller miscounted or a score is no number. Nothing changed.

local epoch_key, off_key, meta_key, due_key, emit_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local seen_key, out_key, dead_key, log_key = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local epoch, seq, digest = ARGV[1], ARGV[2], ARGV[3]
local source, before, after, seen_before = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local STATES, LISTS = 10, 18 -- where the state keys and the lists begin
-- Redis' Lua 5.1 unpacks at most 8,000 values onto its stack (LUAI_MAXCSTACK); even, so that pairs stay together.
local CHUNK = 4000

-- The guard: owner, then commit number, then position.
local meta = redis.call('HMGET', meta_key, 'seq', 'last')
local stored_seq = meta[1] or '0'
local stored_epoch = redis.call('GET', epoch_key)
local next_seq = string.format('%.0f', tonumber(seq) + 1)

if stored_epoch ~= epoch then
  return {'FENCED', stored_epoch or '0'}
end
if stored_seq == next_seq and meta[2] == digest then
  return {'DONE', next_seq}
end
if stored_seq ~= seq or (source ~= '' and (redis.call('HGET', off_key, source) or '0') ~= before) then
  local reply = {'GAP', stored_seq}
  local offsets = redis.call('HGETALL', off_key)
  for i = 1, #offsets do
    reply[#reply + 1] = offsets[i]
  end
  return reply
end

-- The arguments: lists lie where the counts say, and scores are numbers.
local WIDTH = {1, 0, 2, 1, 1, 2, 1, 1, 2, 2}
local count, first, at = {}, {}, LISTS
for list = 1, #WIDTH do
  count[list] = tonumber(ARGV[7 + list])
  first[list] = at
  at = at + count[list] * WIDTH[list]
end
local sets, forgets, dues, undues, emits, owed, logs, deads, seens, origins = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
if at ~= #ARGV + 1 or #KEYS ~= STATES - 1 + count[sets] + count[forgets] then
  return redis.error_reply('ARGS the lists do not add up to the arguments')
end
for _, list in ipairs({dues, seens}) do
  for i = first[list], first[list] + 2 * count[list] - 1, 2 do
    if not tonumber(ARGV[i]) then
      return redis.error_reply('ARGS a score is no number: ' .. ARGV[i])
    end
  end
end

-- The types: a key somebody made by hand with another type fails here, before the first write.
redis.call('ZCARD', due_key)
redis.call('ZCARD', seen_key)
for _, stream in ipairs({emit_key, out_key, dead_key, log_key}) do
  redis.call('XLEN', stream)
end

-- From here on nothing can fail.
local function write(list, ...)
  local last = first[list] + count[list] * WIDTH[list] - 1
  for from = first[list], last, CHUNK do
    local call = {...}
    for i = from, math.min(from + CHUNK - 1, last) do
      call[#call + 1] = ARGV[i]
    end
    redis.call(unpack(call))
  end
end

for from = 0, count[sets] - 1, CHUNK / 2 do
  local call = {'MSET'}
  for i = from, math.min(from + CHUNK / 2, count[sets]) - 1 do
    call[#call + 1] = KEYS[STATES + i]
    call[#call + 1] = ARGV[first[sets] + i]
  end
  redis.call(unpack(call))
end
for i = STATES + count[sets], #KEYS do
  redis.call('UNLINK', KEYS[i])
end
write(dues, 'ZADD', due_key)
write(undues, 'ZREM', due_key)
for i = first[emits], first[emits] + count[emits] - 1 do
  redis.call('XADD', emit_key, '*', 'v', ARGV[i])
end
for i = first[owed], first[owed] + 2 * count[owed] - 1, 2 do
  redis.call('XADD', out_key, '*', 'k', ARGV[i], 'v', ARGV[i + 1])
end
for i = first[logs], first[logs] + count[logs] - 1 do
  redis.call('XADD', log_key, '*', 's', next_seq, 'e', epoch, 'v', ARGV[i])
end
for i = first[deads], first[deads] + count[deads] - 1 do
  redis.call('XADD', dead_key, '*', 'v', ARGV[i])
end
if count[seens] > 0 then
  write(seens, 'ZADD', seen_key)
  redis.call('ZREMRANGEBYSCORE', seen_key, '-inf', '(' .. seen_before)
end
local survived = source ~= '' and 'owners' or 'timer_owners'
redis.call('HSET', meta_key, 'seq', next_seq, 'last', digest, 'epoch', epoch, 'alone', '', survived, '0')
if source ~= '' then
  write(origins, 'HSET', off_key)
  redis.call('HSET', off_key, source, after)
end
return {'OK', next_seq}
