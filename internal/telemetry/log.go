// Package telemetry holds the log, the metrics and the admin pages.
//
// The package does not know any RPC or any Cloudflare object. No function takes a request or an
// answer, so that no secret value can enter telemetry.
package telemetry

import (
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// NewLogger returns a logger that writes one line per entry to w, with the keys
// time (RFC 3339, UTC), level and msg. level is debug, info, warn or error;
// format is json or console. Any other word is an error. The logger is safe for
// concurrent use; w need not be.
func NewLogger(level, format string, w io.Writer) (*zap.Logger, error) {
	// zap's parser accepts more words, including the empty one.
	least, err := zapcore.ParseLevel(level)
	if err != nil || least.String() != level || least > zapcore.ErrorLevel {
		return nil, fmt.Errorf("log level %q: must be debug, info, warn or error", level)
	}
	keys := zapcore.EncoderConfig{
		TimeKey:        "time",
		LevelKey:       "level",
		MessageKey:     "msg",
		NameKey:        "logger",
		LineEnding:     zapcore.DefaultLineEnding,
		EncodeTime:     encodeTime(),
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
	}
	var encoder zapcore.Encoder
	switch format {
	case "json":
		encoder = zapcore.NewJSONEncoder(keys)
	case "console":
		encoder = zapcore.NewConsoleEncoder(keys)
	default:
		return nil, fmt.Errorf("log format %q: must be json or console", format)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(w)), least)), nil
}

// encodeTime returns an encoder that always writes microseconds, so that lines sort as text.
func encodeTime() zapcore.TimeEncoder {
	encode := zapcore.TimeEncoderOfLayout("2006-01-02T15:04:05.000000Z")
	return func(t time.Time, to zapcore.PrimitiveArrayEncoder) { encode(t.UTC(), to) }
}
