// Package syncdata makes what was written to a file durable, and leaves out its
// times, which are worth no write of their own: a file system with a journal
// would commit it for them.
//
// It must not know what is in the file.
package syncdata
