//go:build !race

package gateway_test

// allocationScale widens bounds of memory where the build allocates more.
const allocationScale = 1
