// Package deploy holds the tests that keep the files in deploy/ true: each file
// is read as its own tool reads it, and what it says of the program is tried on
// the program.
//
// It is a module of its own, because those readers are large and the service
// needs none of them. It must not know the inside of the program: it builds it
// as the Dockerfile does and talks to it from outside.
package deploy
