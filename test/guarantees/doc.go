// Package guarantees holds the promises of Storekeeper against what goes wrong:
// programs that are killed, answers of Cloudflare that are lost, a shared
// PostgreSQL server that goes away. Each test starts the real program, once or as
// two replicas on one server, in front of an emulated Cloudflare that is ordered
// to fail.
//
// It must not know the inside of the program: what it says of it comes from
// calls over REST and gRPC and from what the emulated Cloudflare has seen. It is
// a module of its own so that the checker of histories stays out of the
// service's dependencies.
//
// The tests are short. STOREKEEPER_GUARANTEES_SECONDS is how many seconds each
// of them spends instead.
package guarantees
