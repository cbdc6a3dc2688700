package lending

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/valkey-io/valkey-go"
)

// meeting puts down what a replica says, gives it what was lent to it a short
// while ago, and then, in threes, the names of the others that were heard of
// lately, how long ago, and their words. All times are the server's. A loan from
// a time to come was made before the server's clock was put back, so nobody can
// say how old it is.
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
  if at and now >= tonumber(at) and now - at <= tonumber(ARGV[4]) then lent = lent + n end
end
redis.call('DEL', KEYS[2])
local out = {now, lent}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at, said = string.match(all[i + 1], '^(%d+) (.*)$')
  if not at or math.abs(now - at) > life then
    redis.call('HDEL', KEYS[1], all[i])
  elseif all[i] ~= ARGV[1] then
    out[#out + 1] = all[i]
    out[#out + 1] = math.max(0, now - at)
    out[#out + 1] = said
  end
end
return out`)

// loan puts down turns that were lent to a replica, and when.
//
//nolint:gochecknoglobals // a script does not change
var loan = valkey.NewLuaScript(`
redis.call('RPUSH', KEYS[1], ARGV[1] .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`)

var errAnswer = errors.New("the answer of the server has another form")

// news is what a replica hears at a meeting.
type news struct {
	// at is when it was, in milliseconds of the server's clock.
	at int64
	// lent are the turns that were lent to this replica.
	lent int
	// others are what the other replicas said.
	others map[string]word
}

// read takes the answer of a meeting apart.
func read(answer []valkey.ValkeyMessage) (news, error) {
	if len(answer)%3 != 2 {
		return news{}, errAnswer
	}
	heard := news{others: map[string]word{}}
	lent, wrong := answer[1].AsInt64()
	at, err := answer[0].AsInt64()
	if err = errors.Join(err, wrong); err != nil {
		return news{}, err
	}
	heard.at, heard.lent = at, int(lent)
	for told := range slices.Chunk(answer[2:], 3) {
		name, err := told[0].ToString()
		age, late := told[1].AsInt64()
		said, wrong := told[2].AsBytes()
		if err = errors.Join(err, late, wrong); err != nil {
			return news{}, err
		}
		var w word
		if err := json.Unmarshal(said, &w); err != nil {
			return news{}, err
		}
		w.Refused -= age
		heard.others[name] = w
	}
	return heard, nil
}
