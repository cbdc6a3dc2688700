package recorder_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"platform.internal/storekeeper/test/clients/recorder"
	"platform.internal/storekeeper/test/clients/transcript"
)

func TestARequestAndItsAnswerPassUnchangedAndAreNoted(t *testing.T) {
	t.Parallel()
	var seen *http.Request
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Should-Retry", "false")
		w.WriteHeader(http.StatusConflict)
		_, _ = io.Copy(w, r.Body)
	}))
	t.Cleanup(target.Close)
	r := recorder.Start(t, target.URL)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, r.URL+"//a%2Fb?q=1&&q=+", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer x")
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusConflict || string(body) != "body" || answer.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("answered %s %q %v", answer.Status, body, err)
	}
	if seen.RequestURI != "//a%2Fb?q=1&&q=+" || seen.Header.Get("Authorization") != "Bearer x" {
		t.Errorf("the server saw %s", seen.RequestURI)
	}
	want := transcript.Exchange{Method: "PATCH", Path: "//a%2Fb?q=1&&q=+", Sent: "body", Status: 409, ContentType: "application/json", Body: "body"}
	if got := r.Take(); len(got) != 1 || got[0] != want {
		t.Errorf("noted %+v", got)
	}
	if again := r.Take(); len(again) != 0 {
		t.Errorf("noted twice: %+v", again)
	}
}

func TestAServerThatIsGoneIsNoted(t *testing.T) {
	t.Parallel()
	target := httptest.NewServer(http.NotFoundHandler())
	target.Close()
	r := recorder.Start(t, target.URL)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if got := r.Take(); len(got) != 1 || got[0].Status != http.StatusBadGateway {
		t.Errorf("noted %+v", got)
	}
}
