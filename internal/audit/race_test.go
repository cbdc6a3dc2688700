//go:build race

package audit_test

// editStep is how far the bytes are apart that are edited. Under the race
// detector one in ten will do: verifying is the work of one goroutine.
const editStep = 10
