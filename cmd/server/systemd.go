package main

import (
	"context"
	"fmt"
	"net"
	"os"
)

// The states that systemd is told of, see sd_notify(3).
const (
	systemdReady    = "READY=1"
	systemdStopping = "STOPPING=1"
)

// notifySystemd sends a state to the service manager, if the program was started
// with Type=notify. NOTIFY_SOCKET names the socket.
func notifySystemd(ctx context.Context, state string) error {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unixgram", address)
	if err != nil {
		return fmt.Errorf("telling systemd %s: %w", state, err)
	}
	_, err = conn.Write([]byte(state))
	if closed := conn.Close(); err == nil {
		err = closed
	}
	return err
}

// systemdNotifier returns the function to call when the service accepts calls.
// When told ends, the service manager is notified of the stop. A failure is
// only printed, because the service works without the notification.
func systemdNotifier(told context.Context, t terminal) (serving func()) {
	tell := func(state string) {
		if err := notifySystemd(context.WithoutCancel(told), state); err != nil {
			say(t.err, "server: %s\n", err)
		}
	}
	context.AfterFunc(told, func() { tell(systemdStopping) })
	return func() { tell(systemdReady) }
}
