package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Settings for the server that the test starts from its own binary.
const (
	// chaosServer makes the binary the server.
	chaosServer = "STOREKEEPER_CHAOS_SERVER"
	// chaosOrder is the first order, in force before the server is up.
	chaosOrder = "STOREKEEPER_CHAOS_ORDER"
	// chaosTimeout limits the server's calls to Cloudflare.
	chaosTimeout = 5 * time.Second
	// reportsFD is the file descriptor of the server's reports.
	reportsFD = 3
)

// assassin ends the process at a step of a change, as a power cut would.
type assassin struct {
	reports *os.File

	mu   sync.Mutex
	step string
	left int
}

// obey parses an order: a step, and the occurrence at which to kill the process.
func (a *assassin) obey(order string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.step, a.left = "", 0
	_, _ = fmt.Sscan(order, &a.step, &a.left) // what is no order is the order to wait
}

// at is told of each step.
func (a *assassin) at(step string) {
	a.mu.Lock()
	due := step == a.step
	if due {
		a.left--
		due = a.left == 0
	}
	a.mu.Unlock()
	if !due {
		return
	}
	a.tell("hit", step)
	die()
}

// die kills the process at once.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// tell reports to the test. A failure is ignored, because the test notices missing reports.
func (a *assassin) tell(words ...string) {
	_, _ = fmt.Fprintln(a.reports, strings.Join(words, " "))
}

// runChaosServer runs `serve` with the arguments of the process. It reads orders
// from standard input, and stops at its end, so that it ends with the test.
func runChaosServer() int {
	a := &assassin{reports: os.NewFile(reportsFD, "reports")}
	a.obey(os.Getenv(chaosOrder))
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
			a.obey(orders.Text())
			a.tell("armed")
		}
		stop()
		time.Sleep(patience)
		die()
	}()
	var given configFlags
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	given.register(flags)
	err := flags.Parse(os.Args[1:])
	if err != nil {
		return exitUsage
	}
	c, err := given.load()
	if err == nil {
		err = serve(ctx, settings{
			config: c, logs: os.Stdout, timeout: chaosTimeout, step: a.at,
			ready: func(at addresses) {
				a.tell("serving", at.rest, at.grpc, at.admin)
			},
		})
	}
	if err != nil {
		say(os.Stdout, "%s", err)
		return exitFailed
	}
	return exitOK
}
