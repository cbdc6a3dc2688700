package server

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/idempotency"
)

func TestATenantIsHeldToItsBytesPerHour(t *testing.T) {
	const hour = 1 << 20
	d := &Durable{PerHour: hour}
	now := time.Now()
	written := int64(0)
	for range 10_000 {
		if d.wait("loud", 4096, now) == 0 {
			written += 4096
		}
	}
	if written != hour {
		t.Errorf("at once %d bytes are written of %d", written, hour)
	}
	if wait := d.wait("quiet", 4096, now); wait != 0 {
		t.Errorf("another tenant waits %s", wait)
	}
	wait := d.wait("loud", 4096, now)
	if wait <= 0 || wait > time.Minute {
		t.Errorf("4 KiB fit after %s", wait)
	}
	if again := d.wait("loud", 4096, now.Add(wait)); again != 0 {
		t.Errorf("after the time that was told it must wait %s more", again)
	}
	// A change larger than the limit uses the whole limit.
	if wait := d.wait("large", 10*hour, now); wait != 0 {
		t.Errorf("a change that is larger than the limit waits %s", wait)
	}
	if wait := d.wait("large", 1, now); wait <= 0 {
		t.Error("a change that is larger than the limit leaves room")
	}
}

func TestARefusalForWhatATenantWroteTellsWhenToComeBack(t *testing.T) {
	seen := map[bool]int64{}
	d := &Durable{PerHour: 1 << 20, Observe: func(_ string, bytes int64, refused bool) { seen[refused] += bytes }}
	if err := d.take("t", 1<<20); err != nil {
		t.Fatal(err)
	}
	f, ok := errors.AsType[*fault.Error](d.take("t", 4096))
	if !ok || f.Kind != fault.Throttled || f.Reason != "TENANT_BYTES_SPENT" || f.RetryAfter < time.Second {
		t.Errorf("got %v", f)
	}
	if seen[false] != 1<<20 || seen[true] != 4096 {
		t.Errorf("observed %v", seen)
	}
	for _, unbounded := range []*Durable{nil, {}} {
		for range 100 {
			if err := unbounded.take("t", 1<<40); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestTenantsThatWriteNothingAreForgotten(t *testing.T) {
	d := &Durable{PerHour: 1 << 20}
	now := time.Now()
	for i := range maxTenants {
		d.wait(fmt.Sprint(i), 1, now)
	}
	d.wait("one more", 1, now.Add(2*time.Hour))
	if n := len(d.tenants); n > 10 {
		t.Errorf("%d tenants are remembered", n)
	}
}

func TestWhatAChangeMakesDurableGrowsWithItsRequest(t *testing.T) {
	small := durableBytes(idempotency.Intent{Op: make([]byte, 100)}, 1)
	large := durableBytes(idempotency.Intent{Op: make([]byte, 6<<20)}, 100)
	if small < 4<<10 || small > 8<<10 || large < 12<<20 {
		t.Errorf("%d and %d bytes", small, large)
	}
}
