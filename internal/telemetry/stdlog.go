package telemetry

import (
	"bytes"
	"io"
	"log" //nolint:depguard // libraries write to it, this package only takes their text away
)

// unsolicited is the beginning of the line that net/http writes to the standard logger if bytes
// arrive on an idle connection. The line quotes the bytes.
const unsolicited = "Unsolicited response received on idle HTTP channel"

// GuardStandardLog makes the standard logger write to a writer, without the quoted bytes of
// connections to Cloudflare, which may contain a credential.
func GuardStandardLog(to io.Writer) { log.SetOutput(redactingWriter{to}) }

type redactingWriter struct{ to io.Writer }

func (g redactingWriter) Write(line []byte) (int, error) {
	text := line
	if at := bytes.Index(line, []byte(unsolicited)); at >= 0 {
		text = append(bytes.Clone(line[:at+len(unsolicited)]), '\n')
	}
	if _, err := g.to.Write(text); err != nil {
		return 0, err
	}
	return len(line), nil
}
