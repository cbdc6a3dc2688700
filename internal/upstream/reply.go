package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// maxAnswer is the most bytes of an answer that are read.
	maxAnswer = 16 << 20
	// maxWait is the longest wait that is passed on.
	maxWait = time.Hour
)

var (
	errTooLong = errors.New("answer has more than 16 MiB")

	mediaForm = regexp.MustCompile(`^[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,80}$`)
)

// reply is an HTTP answer that was read to its end, or to where it broke off.
type reply struct {
	status int
	// ray and media were checked and may be shown.
	ray, media string
	// limit and policy are Cloudflare's Ratelimit headers, checked too.
	limit, policy string
	retryAfter    string
	// date is when the server says that it answered. Zero where it does not.
	date time.Time
	// challenged says that a firewall answered in place of the API.
	challenged bool
	body       []byte
	// cut says why the body is not whole.
	cut     error
	now     time.Time
	elapsed time.Duration
}

// readReply reads an answer whole, so that its connection can be used again.
func readReply(response *http.Response, s *scrubber) reply {
	r := reply{
		status:     response.StatusCode,
		ray:        checked(response.Header.Get("Cf-Ray"), isRay, s),
		limit:      checked(response.Header.Get("Ratelimit"), isRate, s),
		policy:     checked(response.Header.Get("Ratelimit-Policy"), isRate, s),
		retryAfter: response.Header.Get("Retry-After"),
		challenged: response.Header.Get("Cf-Mitigated") != "",
	}
	if at, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		r.date = at
	}
	r.media = mediaOf(response.Header.Get("Content-Type"), s)
	r.body, r.cut = readBody(response)
	return r
}

// mediaOf reads a content type. It is searched for secrets as it came: parsing
// turns it to lower case, in which a credential would not be recognised.
func mediaOf(contentType string, s *scrubber) string {
	if contentType == jsonType {
		// It is a text of ours.
		return jsonType
	}
	if s.dirty(contentType) {
		return ""
	}
	media, _, _ := mime.ParseMediaType(contentType)
	if !mediaForm.MatchString(media) {
		return ""
	}
	return s.clean(media)
}

func readBody(response *http.Response) ([]byte, error) {
	defer func() { _ = response.Body.Close() }()
	var body bytes.Buffer
	if n := response.ContentLength; n > 0 {
		// The length is a claim, so it decides about a little memory only.
		body.Grow(int(min(n, 64<<10)) + bytes.MinRead)
	}
	n, err := body.ReadFrom(io.LimitReader(response.Body, maxAnswer+1))
	if n > maxAnswer {
		return nil, errTooLong
	}
	return body.Bytes(), err
}

// checked gives a header's text if it has its form and holds nothing secret.
func checked(text string, form func(string) bool, s *scrubber) string {
	if !form(text) {
		return ""
	}
	return s.clean(text)
}

// wait reads Retry-After, which is in seconds or a date. 0 means that it says
// nothing of use.
func (r reply) wait() time.Duration {
	if r.retryAfter == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(strings.TrimSpace(r.retryAfter), 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxWait)
	}
	if at, err := http.ParseTime(r.retryAfter); err == nil {
		return max(0, min(at.Sub(r.now), maxWait))
	}
	return 0
}

// about describes the answer for the log without a byte of its body.
func (r reply) about(said items) error {
	text := fmt.Sprintf("status %d, %d bytes", r.status, len(r.body))
	if r.media != "" {
		text += " of " + r.media
	}
	if len(said) > 0 {
		codes := make([]string, 0, 8)
		for _, it := range said.first(8) {
			codes = append(codes, strconv.Itoa(int(it.Code.number())))
		}
		text += ", codes " + strings.Join(codes, " ")
	}
	if r.cut != nil {
		text += ", not read whole"
	}
	if r.ray != "" {
		text += ", ray " + r.ray
	}
	return errors.New(text)
}
