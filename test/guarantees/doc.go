// Package guarantees tests the promises of Storekeeper under faults: killed
// programs, lost answers of Cloudflare, an unavailable PostgreSQL server. Each
// test starts the real program, once or as two replicas on one server, in front
// of an emulated Cloudflare that is ordered to fail.
//
// The package must not know the inside of the program: it only uses calls over
// REST and gRPC and the requests at the emulated Cloudflare. It is a separate
// module so that the checker of histories stays out of the service's
// dependencies.
//
// The tests are short. STOREKEEPER_GUARANTEES_SECONDS is how many seconds each
// of them spends instead.
package guarantees
