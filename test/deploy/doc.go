// Package deploy tests the files in deploy/: each file is read with the parser
// of its tool, and its statements about the program are tested on the program.
//
// The package is a separate module, because these parsers are large and the
// service does not need them. It must not know the inside of the program: it
// builds the program as the Dockerfile does and only uses its interfaces.
package deploy
