// Command bench measures Storekeeper beside what people would use instead, in
// one run and against the same emulated Cloudflare, and writes the figures,
// their ratios and plots of them.
//
// It must not know how Storekeeper works: it starts the real program and calls
// it as its users do.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	cases := flag.String("cases", "rest,grpc,reads", "")
	length := flag.Duration("length", 3*time.Second, "")
	rounds := flag.Int("rounds", 1, "")
	flag.Parse()
	if err := tmp(*cases, *length, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
