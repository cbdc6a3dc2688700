//go:build !race

package audit_test

// editStep is how far the bytes are apart that are edited: each one is.
const editStep = 1
