// Package syncdata makes the content of a file durable. It does not sync the
// times of the file, for which a journaling file system would make a commit of
// its own.
//
// The package must not know what is in the file.
package syncdata
