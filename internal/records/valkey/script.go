package valkey

// What the script is told and what it answers.
const (
	firstTime = "0"
	again     = "1"

	opKeep    = "k"
	opDrop    = "d"
	opLasting = "l"
	opEnding  = "e"
	// argsEach is how many arguments a record has: the version that it must
	// have (empty: it must not exist), its key, what to do, its end, its value.
	argsEach = 5

	answerDone = "done"
	// answerLost says that the records are not those that the caller knows.
	answerLost = "lost"

	// receiptLife is how long a receipt is kept, in milliseconds: longer than a
	// network can hold back something that was sent.
	receiptLife = "300000"
)

// swap writes records if all of them still have the versions that were read.
//
// The receipt says what became of this call, so that the same call may come
// again. A call that comes again and finds other versions leaves a receipt too:
// its first copy may still be on the way and must find nothing to do.
//
// Where the epoch is another one, the server has lost its records since the
// caller began, or is another server.
//
// A script is not rolled back where a command fails, so the commands that can
// fail, by a key of another type, come before the first record is written.
const swap = `
local receipt, index, life = KEYS[1], KEYS[2], ARGV[2]
if redis.call('GET', KEYS[3]) ~= ARGV[3] then return 'lost' end
local known = redis.call('GET', receipt)
if known then return known end
for i = 4, #KEYS do
  if redis.call('GETRANGE', KEYS[i], 1, 16) ~= ARGV[4 + (i - 4) * 5] then
    if ARGV[1] == '1' then redis.call('SET', receipt, 'void', 'PX', life) end
    return 'void'
  end
end
for i = 4, #KEYS do
  local at = 4 + (i - 4) * 5
  local member, op = ARGV[at + 1], ARGV[at + 2]
  if op == 'l' then redis.call('ZADD', index, 0, member)
  elseif op ~= 'k' then redis.call('ZREM', index, member) end
end
redis.call('SET', receipt, 'done', 'PX', life)
for i = 4, #KEYS do
  local at = 4 + (i - 4) * 5
  local op = ARGV[at + 2]
  if op == 'l' then redis.call('SET', KEYS[i], ARGV[at + 4])
  elseif op == 'e' then redis.call('SET', KEYS[i], ARGV[at + 4], 'PX', ARGV[at + 3])
  elseif op == 'd' then redis.call('DEL', KEYS[i]) end
end
return 'done'
`
