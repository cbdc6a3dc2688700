package forwarded_test

import (
	"net/netip"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/forwarded"
)

func TestOnlyTrustedProxiesNameTheClient(t *testing.T) {
	proxies := forwarded.Proxies{netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix("fd00::7/128")}
	for name, test := range map[string]struct {
		connection string
		header     []string
		want       string
	}{
		"no header":                         {"10.0.0.1:5", nil, "10.0.0.1:5"},
		"a stranger's header":               {"192.0.2.9:5", []string{"198.51.100.1"}, "192.0.2.9:5"},
		"one proxy":                         {"10.0.0.1:5", []string{"198.51.100.1"}, "198.51.100.1"},
		"what the client invents":           {"10.0.0.1:5", []string{"1.1.1.1, 198.51.100.1"}, "198.51.100.1"},
		"an invented trusted address":       {"10.0.0.1:5", []string{"10.0.0.9, 198.51.100.1"}, "198.51.100.1"},
		"two proxies":                       {"10.0.0.1:5", []string{"1.1.1.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		"several lines":                     {"10.0.0.1:5", []string{"1.1.1.1", "198.51.100.1", "10.0.0.2"}, "198.51.100.1"},
		"proxies only":                      {"10.0.0.1:5", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"with ports":                        {"10.0.0.1:5", []string{"198.51.100.1:1234"}, "198.51.100.1"},
		"IPv6":                              {"[fd00::7]:5", []string{"[2001:db8::1]:1234"}, "2001:db8::1"},
		"IPv6 without a port":               {"[fd00::7]:5", []string{"2001:db8::1"}, "2001:db8::1"},
		"IPv4 written as IPv6":              {"[::ffff:10.0.0.1]:5", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"no address":                        {"10.0.0.1:5", []string{"unknown"}, "10.0.0.1:5"},
		"no address behind a proxy":         {"10.0.0.1:5", []string{"1.1.1.1, <script>, 10.0.0.2"}, "10.0.0.2"},
		"empty":                             {"10.0.0.1:5", []string{""}, "10.0.0.1:5"},
		"a long way":                        {"10.0.0.1:5", []string{"198.51.100.1" + strings.Repeat(", 10.0.0.2", 1000)}, "10.0.0.2"},
		"a connection that has no address":  {"@", []string{"198.51.100.1"}, "@"},
		"a stranger with a trusted address": {"192.0.2.9:5", []string{"10.0.0.1"}, "192.0.2.9:5"},
	} {
		if got := proxies.Client(test.connection, test.header); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	if got := (forwarded.Proxies)(nil).Client("10.0.0.1:5", []string{"198.51.100.1"}); got != "10.0.0.1:5" {
		t.Errorf("without proxies: %s", got)
	}
}
