package main

import (
	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/change/changetest"
	"platform.internal/storekeeper/internal/mirror"
	"platform.internal/storekeeper/internal/service"
)

// layered is Cloudflare: read from near, and changed in steps.
type layered struct {
	mirror.Reader
	changetest.Calls
}

var _ service.Upstream = layered{}

// changesBy makes each change in steps.
func changesBy(s change.Steps) changetest.Calls { return changetest.Calls{Next: s.Apply} }
