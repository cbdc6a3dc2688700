package valkeylog

// A topic is a hash, and a list of the last events. The hash has the epoch of
// the log and the number and mark of the last event. An event stands in the list
// behind its own mark and that of the event before it; before the first one
// stands the epoch.
//
// A log that was lost begins with another epoch. One that lost its end, as after
// a crash or a change of the primary, and then grew again has other marks.

// open makes a topic that does not exist. Its arguments are a text for an epoch
// or a mark, and the lives of events and topic in seconds.
const open = `
local head, list = KEYS[1], KEYS[2]
if redis.call('HSETNX', head, 'epoch', ARGV[1]) == 1 then
  redis.call('HSET', head, 'number', 0, 'mark', ARGV[1])
  redis.call('DEL', list)
end
redis.call('EXPIRE', head, ARGV[3])
local now = redis.call('HMGET', head, 'epoch', 'number', 'mark')
`

// appendScript adds an event. The event and the length of the list follow.
const appendScript = open + `
redis.call('HSET', head, 'number', now[2] + 1, 'mark', ARGV[1])
redis.call('RPUSH', list, ARGV[1] .. now[3] .. ARGV[4])
redis.call('LTRIM', list, -ARGV[5], -1)
redis.call('EXPIRE', list, ARGV[2])
return 1`

// sinceScript gives epoch, number and mark, 1 where nothing is missing, and the
// events after the epoch, number and mark that follow.
const sinceScript = open + `
local missing = now[2] - ARGV[5]
local function say(whole, events) return {now[1], now[2], now[3], whole, events} end
if ARGV[4] ~= now[1] or missing < 0 then return say(0, {}) end
if missing == 0 then return say(ARGV[6] == now[3] and 1 or 0, {}) end
if missing > redis.call('LLEN', list) then return say(0, {}) end
local events = redis.call('LRANGE', list, -missing, -1)
local length = string.len(ARGV[6])
if string.sub(events[1], length + 1, 2 * length) ~= ARGV[6] then return say(0, {}) end
return say(1, events)`
