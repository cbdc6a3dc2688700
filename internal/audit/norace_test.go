//go:build !race

package audit_test

// editStep is the distance between edited bytes: each byte is edited.
const editStep = 1
