package reconcile_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/reconcile"
	"platform.internal/storekeeper/internal/upstream"
)

// stage plays Cloudflare for tests in which time does not really pass.
type stage struct {
	change.Cloudflare
	// update and create decide about a change, list about a listing.
	update func(context.Context) error
	create func(context.Context, upstream.CreateSecretsParams) ([]upstream.Secret, error)
	list   func(context.Context, time.Time) ([]upstream.Secret, error)
}

// UpdateSecret returns the result of s.update.
func (s *stage) UpdateSecret(ctx context.Context, p upstream.UpdateSecretParams) (upstream.Answer[upstream.Secret], error) {
	return upstream.Answer[upstream.Secret]{Result: upstream.Secret{ID: p.SecretID}}, s.update(ctx)
}

// CreateSecrets returns the result of s.create.
func (s *stage) CreateSecrets(ctx context.Context, p upstream.CreateSecretsParams) (upstream.Answer[[]upstream.Secret], error) {
	made, err := s.create(ctx, p)
	return upstream.Answer[[]upstream.Secret]{Result: made}, err
}

// Secrets returns the result of s.list.
func (s *stage) Secrets(ctx context.Context, _, _ string, notBefore time.Time) ([]upstream.Secret, error) {
	return s.list(ctx, notBefore)
}

// Stores gives none.
func (s *stage) Stores(context.Context, string, time.Time) ([]upstream.Store, error) { return nil, nil }

func gone(kind fault.Kind) *fault.Error {
	return fault.New(kind, fault.ReasonUpstreamAnswerLost, "lost")
}

func (s *stage) settler(set ...func(*reconcile.Config)) settler {
	c := reconcile.Config{Listings: s}
	for _, f := range set {
		f(&c)
	}
	return newSettler(c, s)
}

func TestEachAttemptIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := &stage{update: func(ctx context.Context) error {
			if calls++; calls == 3 {
				return nil
			}
			<-ctx.Done()
			return gone(fault.Deadline)
		}}
		began := time.Now()
		if _, err := s.settler().UpdateSecret(t.Context(), upstream.UpdateSecretParams{}); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < time.Minute || took > time.Minute+time.Second {
			t.Errorf("it took %s, want two attempts of 30 s", took)
		}
	})
}

// TestALostAnswerIsLostWhateverItsKind tests faults with the reason UPSTREAM_ANSWER_LOST and other kinds.
func TestALostAnswerIsLostWhateverItsKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := []fault.Kind{fault.NotFound, fault.BadInput, fault.Upstream, fault.Canceled}
		s := &stage{update: func(context.Context) error {
			if len(left) == 0 {
				return nil
			}
			kind := left[0]
			left = left[1:]
			return gone(kind)
		}}
		if _, err := s.settler().UpdateSecret(t.Context(), upstream.UpdateSecretParams{}); err != nil {
			t.Error(err)
		}
	})
}

// TestMarks checks the marks of requests before and after the loss of an answer.
func TestMarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caller, leave := context.WithCancel(t.Context())
		calls := 0
		s := &stage{update: func(ctx context.Context) error {
			calls++
			a := change.From(ctx)
			patience := a.Wanted
			if a.Reconciling != (calls > 1) || a.Sends != calls-1 || a.ID != "op" {
				t.Errorf("call %d: reconciling %t, sent %d times, identity %q", calls, a.Reconciling, a.Sends, a.ID)
			}
			if calls == 3 {
				return nil
			}
			leave()
			if ended := patience != nil && patience.Err() != nil; ended != (calls == 1) {
				t.Errorf("call %d: patience has ended %t", calls, ended)
			}
			return gone(fault.Unavailable)
		}}
		ctx := change.With(t.Context(), &change.Attempt{ID: "op", Wanted: caller})
		if _, err := s.settler().UpdateSecret(ctx, upstream.UpdateSecretParams{}); err != nil {
			t.Error(err)
		}
	})
}

func TestNothingIsSentByWhoDoesNotHoldTheChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for sends := range 3 {
			left := sends
			s := &stage{update: func(context.Context) error {
				left--
				return gone(fault.Unavailable)
			}}
			held := func() bool { return left > 0 }
			_, err := s.settler().UpdateSecret(change.With(t.Context(), &change.Attempt{Held: held}), upstream.UpdateSecretParams{})
			if !lost(err) || left != 0 {
				t.Errorf("after %d of %d sends: %v", sends-left, sends, err)
			}
		}
	})
}

// TestWaitsThatDoNotFitAreNotWaited is throttled for longer than there is time.
func TestWaitsThatDoNotFitAreNotWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := &stage{update: func(context.Context) error {
			if calls++; calls == 1 {
				return gone(fault.Unavailable)
			}
			f := fault.New(fault.Throttled, "UPSTREAM_THROTTLED", "later")
			f.RetryAfter = 5 * time.Minute
			return f
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if _, err := s.settler().UpdateSecret(ctx, upstream.UpdateSecretParams{}); !lost(err) || time.Since(began) > time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}

// TestListingsThatNeverShowTheNameEndOpen has a name that is taken and in no
// listing.
func TestListingsThatNeverShowTheNameEndOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := &stage{
			create: func(context.Context, upstream.CreateSecretsParams) ([]upstream.Secret, error) {
				if calls++; calls == 1 {
					return nil, gone(fault.Unavailable)
				}
				return nil, fault.New(fault.NameTaken, "SECRET_NAME_ALREADY_EXISTS", "taken")
			},
			list: func(context.Context, time.Time) ([]upstream.Secret, error) { return nil, nil },
		}
		_, err := s.settler().CreateSecrets(t.Context(), params("A"))
		if !lost(err) || calls < 4 || calls > 20 {
			t.Errorf("got %v after %d sends", err, calls)
		}
	})
}

func params(names ...string) upstream.CreateSecretsParams {
	p := upstream.CreateSecretsParams{Account: accountID, StoreID: "store"}
	for _, name := range names {
		p.Secrets = append(p.Secrets, item(name))
	}
	return p
}
