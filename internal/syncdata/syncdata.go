// Package syncdata makes the content of a file durable. It does not sync the times of the file,
// because a journaling file system would need an extra commit for them.
//
// The package does not know the content of the file.
package syncdata
