package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxAnswer is the maximum size of a response in bytes.
	maxAnswer = 16 << 20
	// maxWait is the maximum retry delay that is passed on.
	maxWait = time.Hour
)

var (
	errTooLong = errors.New("answer has more than 16 MiB")

	mediaForm = regexp.MustCompile(`^[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,80}$`)
)

// reply is an HTTP response, read to its end or up to an error.
type reply struct {
	status int
	// ray and media are validated and may be shown.
	ray, media string
	// limit and policy are Cloudflare's validated Ratelimit headers.
	limit, policy string
	retryAfter    string
	// date is the Date header. Zero if absent.
	date time.Time
	// challenged reports that a firewall responded in place of the API.
	challenged bool
	body       []byte
	// cut is the reason why the body is incomplete.
	cut     error
	now     time.Time
	elapsed time.Duration
}

// readReply reads the whole response, so that the connection can be reused.
func readReply(response *http.Response, s *scrubber) reply {
	defer func() { _ = response.Body.Close() }()
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

// mediaOf parses a content type. It searches the original text for secrets, because parsing changes
// the text to lower case, in which a credential would not be recognised.
func mediaOf(contentType string, s *scrubber) string {
	if contentType == jsonType {
		// A constant of this package needs no check.
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
	// Content-Length is not trusted, so it decides about little memory only.
	body := make([]byte, 0, max(0, min(response.ContentLength, 64<<10))+bytes.MinRead)
	for {
		n, err := response.Body.Read(body[len(body):min(cap(body), maxAnswer+1)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxAnswer:
			return nil, errTooLong
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return body, err
		case len(body) == cap(body):
			body = slices.Grow(body, bytes.MinRead)
		}
	}
}

// checked returns the text of a header if it has the given form and contains no secret.
func checked(text string, form func(string) bool, s *scrubber) string {
	if !form(text) {
		return ""
	}
	return s.clean(text)
}

// wait parses Retry-After, which is in seconds or a date. It returns 0 if the header is absent or
// invalid.
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

// about describes the response for the log without a byte of the body.
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
