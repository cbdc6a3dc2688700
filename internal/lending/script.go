package lending

import (
	"encoding/json"
	"errors"

	"github.com/valkey-io/valkey-go"
)

// meeting puts down what a replica says, gives it what was lent to it a short
// while ago, and then, in pairs, the names and words of the others that were
// heard of lately. All times are the server's.
//
//nolint:gochecknoglobals // a script does not change
var meeting = valkey.NewLuaScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local life = tonumber(ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], life * 10)
local lent = 0
for _, l in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  local at, n = string.match(l, '^(%d+) (%d+)$')
  if at and now - at <= tonumber(ARGV[4]) then lent = lent + n end
end
redis.call('DEL', KEYS[2])
local out = {lent}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at, said = string.match(all[i + 1], '^(%d+) (.*)$')
  if not at or now - at > life then
    redis.call('HDEL', KEYS[1], all[i])
  elseif all[i] ~= ARGV[1] then
    out[#out + 1] = all[i]
    out[#out + 1] = said
  end
end
return out`)

// loan puts down turns that were lent to a replica, and when.
//
//nolint:gochecknoglobals // a script does not change
var loan = valkey.NewLuaScript(`
local t = redis.call('TIME')
redis.call('RPUSH', KEYS[1], t[1] * 1000 + math.floor(t[2] / 1000) .. ' ' .. ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`)

var errAnswer = errors.New("the answer of the server has another form")

// read takes the answer of a meeting apart.
func read(answer []valkey.ValkeyMessage) (borrowed int, others map[string]word, err error) {
	if len(answer)%2 != 1 {
		return 0, nil, errAnswer
	}
	lent, err := answer[0].AsInt64()
	if err != nil {
		return 0, nil, err
	}
	others = map[string]word{}
	for i := 1; i < len(answer); i += 2 {
		name, err := answer[i].ToString()
		if err != nil {
			return 0, nil, err
		}
		said, err := answer[i+1].ToString()
		if err != nil {
			return 0, nil, err
		}
		var w word
		if err := json.Unmarshal([]byte(said), &w); err != nil {
			return 0, nil, err
		}
		others[name] = w
	}
	return int(lent), others, nil
}
