// Package clients runs real Cloudflare clients, each through one script twice:
// directly against the emulator and through Storekeeper. Both runs must give
// the same answers, byte for byte apart from ids, times and request ids, and
// the client must return the same results.
//
// The package must not know the server's code: it builds and starts the program
// and calls it over HTTP. It is a separate module so that the clients stay out
// of the service's dependencies.
//
// The clients in other languages are installed from the lock files in npm and
// python. Where the language or its registry cannot be reached, that part is
// skipped with one line that says so.
//
// Where Storekeeper answers otherwise on purpose, the step says why and what
// Storekeeper must answer; a step that no longer differs fails. Two such things
// are in no script: Storekeeper refuses unknown fields of a body by name, and
// tells clients in a header not to repeat what cannot succeed.
package clients
