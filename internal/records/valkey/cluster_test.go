package valkey_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/records"
	"platform.internal/storekeeper/internal/records/recordstest"
	"platform.internal/storekeeper/internal/records/valkey"
	"platform.internal/storekeeper/internal/records/valkeytest"
)

func TestStoreKeepsTheContractInACluster(t *testing.T) {
	t.Parallel()
	server := valkeytest.Start(t, "--cluster-enabled", "yes")
	command(t, server.Address(), "CLUSTER ADDSLOTSRANGE 0 16383", "+OK")
	command(t, server.Address(), "CLUSTER INFO", "cluster_state:ok")
	opened := 0
	recordstest.Contract(t, func(t *testing.T) records.Store {
		opened++
		return open(t, valkey.Config{Address: server.Address(), Cluster: true, Prefix: fmt.Sprint("test", opened)})
	})
}

// command sends a command until the answer has something in it.
func command(t *testing.T, address, text, wanted string) {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(conn)
	for {
		if _, err := fmt.Fprintf(conn, "%s\r\nECHO end\r\n", text); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() && lines.Text() != "end" {
			if strings.Contains(lines.Text(), wanted) {
				return
			}
		}
		if lines.Err() != nil {
			t.Fatalf("%s: no %s: %v", text, wanted, lines.Err())
		}
		<-time.After(5 * time.Millisecond)
	}
}
