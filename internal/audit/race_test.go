//go:build race

package audit_test

// editStep is the distance between edited bytes. Under the race detector every tenth byte is
// sufficient, because verification uses a single goroutine.
const editStep = 10
