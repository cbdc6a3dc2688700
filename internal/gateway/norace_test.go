//go:build !race

package gateway_test

// allocationScale multiplies the memory limits of tests in builds that allocate more.
const allocationScale = 1
