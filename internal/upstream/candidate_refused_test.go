package upstream_test

import (
	"net/http"
	"os"
	"testing"
	"time"
)

// A candidate that Cloudflare refuses is told once and never used, and costs
// nothing until the file changes.
func TestRefusedCandidateLeavesTheOldOne(t *testing.T) {
	t.Parallel()
	disabled := success(`{"id":"tok","status":"disabled"}`)
	denied := failure(`{"code":10000,"message":"Authentication error"}`)
	tests := map[string]struct {
		kind, known string
		before      func(http.ResponseWriter, *http.Request, sent) bool
		costs       []string
	}{
		"a token of nobody":           {usersToken, "", nil, []string{askUser, askAccount}},
		"a disabled token":            {usersToken, usersToken, handler(second, askUser, says(200, disabled)), []string{askUser, askAccount}},
		"a disabled account's token":  {usersToken, accountsToken, handler(second, askAccount, says(200, disabled)), []string{askUser, askAccount}},
		"a token of another account":  {usersToken, usersToken, handler(second, askQuota, says(403, denied)), []string{askUser, askQuota}},
		"an account's, that may not":  {usersToken, accountsToken, handler(second, askQuota, says(403, denied)), []string{askUser, askAccount, askQuota}},
		"a key of nobody":             {globalKey, "", nil, []string{askQuota}},
		"a token in place of the key": {globalKey, usersToken, nil, []string{askQuota}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := credentialFile(t)
			r := rotateFrom(t, tt.kind, file, first)
			if tt.known != "" {
				r.api.allow(second, tt.known)
			}
			r.api.meet(tt.before)
			write(t, file, second)
			r.use(first)
			r.told("the new credential was refused: UPSTREAM_CREDENTIAL_REFUSED")
			for range 5 {
				r.clock.move(time.Hour)
				r.use(first)
			}
			r.costs(second, tt.costs...)
			r.quiet()
			r.api.allow(third, tt.kind)
			write(t, file, third)
			r.use(first)
			r.told("ok")
			r.use(third)
		})
	}
}

// touch gives a file another time.
func touch(t *testing.T, file string, hours int) {
	t.Helper()
	when := time.Now().Add(time.Duration(hours) * time.Hour)
	if err := os.Chtimes(file, when, when); err != nil {
		t.Fatal(err)
	}
}

// A token may become valid shortly after a refusal. A touch of the file triggers another test. A
// file that is written continuously does not use up the budget.
func TestRefusedCandidateIsTriedAgainWhenItsFileChanges(t *testing.T) {
	t.Parallel()
	file := credentialFile(t)
	r := rotateFrom(t, usersToken, file, first)
	write(t, file, second)
	r.use(first)
	r.told("refused")
	for i := range 3 {
		touch(t, file, i+1)
		r.use(first)
		time.Sleep(60 * time.Millisecond) // time for a test, if there is one
	}
	r.costs(second, askUser, askAccount)
	r.quiet()
	r.api.allow(second, usersToken)
	r.clock.move(time.Minute)
	r.arrives(second)
	r.told("ok")
	r.costs(second, askUser, askAccount, askUser, askQuota)
}

// arrives makes calls at intervals until a call uses the credential.
func (r *rotation) arrives(cred string) {
	r.t.Helper()
	eventually(r.t, cred+" is in use", func() bool {
		r.clock.move(time.Second)
		r.files.Recheck(r.t.Context())
		return read(within(r.t), r.client) == nil && len(r.reads(cred)) > 0
	})
}

// A file that was removed and restored counts as changed: the credential is tested once more.
func TestRefusedFileThatComesBackIsTriedOnceMore(t *testing.T) {
	t.Parallel()
	file := credentialFile(t)
	r := rotateFrom(t, usersToken, file, first)
	write(t, file, second)
	r.use(first)
	r.told("refused")
	for _, move := range [][2]string{{file, file + ".away"}, {file + ".away", file}} {
		if err := os.Rename(move[0], move[1]); err != nil {
			t.Fatal(err)
		}
		r.clock.move(time.Hour)
		r.use(first)
		if move[0] == file {
			r.told("no such file")
		}
	}
	r.told("refused")
	r.use(first)
	r.costs(second, askUser, askAccount, askUser, askAccount)
	r.quiet()
}

// Intermediate results of a test that ended in a refusal are not reused.
func TestSecondTrialBeginsAnew(t *testing.T) {
	t.Parallel()
	file := credentialFile(t)
	r := rotateFrom(t, usersToken, file, first)
	begun, open := r.hang(second, askAccount)
	write(t, file, second)
	r.use(first)
	<-begun
	r.api.allow(second, usersToken)
	close(open)
	r.told("refused")
	touch(t, file, 1)
	r.clock.move(time.Hour)
	r.arrives(second)
	r.told("ok")
	r.costs(second, askUser, askAccount, askUser, askQuota)
}

func TestFileThatGoesBackEndsTheMatter(t *testing.T) {
	file := credentialFile(t)
	r := rotateFrom(t, usersToken, file, first)
	write(t, file, second)
	r.use(first)
	r.told("refused")
	write(t, file, first)
	r.use(first)
	r.told("ok")
	r.costs(first)
}
