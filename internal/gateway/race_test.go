//go:build race

package gateway_test

// The race detector increases allocations.
const allocationScale = 2
