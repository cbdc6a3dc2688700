package main

import (
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/telemetry"
)

// newDurable returns the limiter of the bytes that the changes of a tenant
// write, with its metrics.
func newDurable(c config.Idempotency, metrics *telemetry.Metrics) (*server.Durable, error) {
	count, err := metrics.WatchDurable(int64(c.TenantBytesPerHour))
	if err != nil {
		return nil, err
	}
	return &server.Durable{PerHour: int64(c.TenantBytesPerHour), Observe: count}, nil
}
