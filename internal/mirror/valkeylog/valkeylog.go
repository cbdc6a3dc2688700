// Package valkeylog is the log of changes between the replicas of a mirror, kept
// in Valkey or Redis.
//
// It must not know what an event says. It promises no more than a mirror needs:
// a reader learns of every event, or that it may have missed some.
package valkeylog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/valkey-io/valkey-go"

	"platform.internal/storekeeper/internal/mirror"
)

const (
	// kept is how many events a topic holds, the last ones.
	kept = 1000
	// eventLife is how long they are held after the last one, in seconds. It is
	// far longer than any picture is believed.
	eventLife = 600
	// topicLife is how long a topic is remembered that nobody uses, in seconds.
	topicLife = 86_400
	// markLength is the length of a mark.
	markLength = 26
)

// errForm is an answer that no log gives.
var errForm = errors.New("valkeylog: the log has another form")

// Log is a mirror.Log. It is safe for concurrent use.
type Log struct {
	client        valkey.Client
	key           func(string) string
	append, since *valkey.Lua
}

var _ mirror.Log = (*Log)(nil)

// New makes a log. key gives the name under which something of this log is kept.
// The client is not closed.
func New(client valkey.Client, key func(string) string) *Log {
	return &Log{
		client: client, key: key,
		append: valkey.NewLuaScript(appendScript),
		// To read twice does no harm.
		since: valkey.NewLuaScriptRetryable(sinceScript),
	}
}

// keys are those of a topic. The braces keep them on one node of a cluster.
func (l *Log) keys(topic string) []string {
	return []string{l.key("{mirror." + topic + "}.head"), l.key("{mirror." + topic + "}.events")}
}

// Append adds an event.
func (l *Log) Append(ctx context.Context, topic string, event []byte) error {
	err := l.append.Exec(ctx, l.client, l.keys(topic), []string{
		rand.Text(), strconv.Itoa(eventLife), strconv.Itoa(topicLife), string(event), strconv.Itoa(kept),
	}).Error()
	if err != nil {
		return fmt.Errorf("append to the log of changes: %w", err)
	}
	return nil
}

// Since gives the events after a position.
func (l *Log) Since(ctx context.Context, topic string, after mirror.Position) (events [][]byte, now mirror.Position, complete bool, err error) {
	parts, err := l.since.Exec(ctx, l.client, l.keys(topic), append([]string{
		rand.Text(), strconv.Itoa(eventLife), strconv.Itoa(topicLife),
	}, read(after)...)).ToArray()
	if err != nil {
		return nil, after, false, fmt.Errorf("read the log of changes: %w", err)
	}
	if len(parts) != 5 {
		return nil, after, false, errForm
	}
	var fields [3]string
	for i := range fields {
		if fields[i], err = parts[i].ToString(); err != nil {
			return nil, after, false, fmt.Errorf("%w: %w", errForm, err)
		}
	}
	whole, err := parts[3].AsInt64()
	if err != nil {
		return nil, after, false, fmt.Errorf("%w: %w", errForm, err)
	}
	texts, err := parts[4].AsStrSlice()
	if err != nil {
		return nil, after, false, fmt.Errorf("%w: %w", errForm, err)
	}
	for _, text := range texts {
		events = append(events, []byte(text[min(len(text), 2*markLength):]))
	}
	return events, mirror.Position(strings.Join(fields[:], " ")), whole == 1, nil
}

// read takes a position apart: epoch, number and mark of the last event.
func read(p mirror.Position) []string {
	parts := strings.Split(string(p), " ")
	if len(parts) != 3 {
		return []string{"", "0", ""}
	}
	return parts
}
