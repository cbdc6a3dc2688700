//go:build !linux

package main

// freeBytes is not implemented on this system.
func freeBytes(string) (uint64, bool) { return 0, false }
