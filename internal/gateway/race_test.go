//go:build race

package gateway_test

// The race detector adds to what is allocated.
const allocationScale = 2
