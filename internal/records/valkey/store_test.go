package valkey_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/recordstest"
	"platform.internal/storekeeper/internal/records/valkey"
	"platform.internal/storekeeper/internal/records/valkeytest"
)

func TestMain(m *testing.M) {
	// A cluster client that could not connect sleeps for a random part of a
	// second before it looks again. Close does not wake it, so a run that skips
	// all slower tests can end before it does.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valkey-io/valkey-go.(*call).DelayDo.func1"))
}

func open(t testing.TB, c valkey.Config) *valkey.Store {
	t.Helper()
	s, err := valkey.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t)
	var opened atomic.Int64
	recordstest.Contract(t, func(t *testing.T) records.Store {
		prefix := "test" + strconv.FormatInt(opened.Add(1), 10)
		return open(t, valkey.Config{Address: server.Address(), Prefix: prefix, Timeout: 5 * time.Second})
	})
}
