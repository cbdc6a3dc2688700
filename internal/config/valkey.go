package config

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
)

// Valkey is a Valkey or Redis server.
type Valkey struct {
	// Address is host:port. Empty: there is no server.
	Address string `yaml:"address" type:"host:port" doc:"Address of the server." need:"with store valkey" sample:"valkey.storekeeper.svc:6379"`
	// Username is the user to log in as. Empty: the server's default user.
	Username string `yaml:"username" doc:"User to log in as: 1 to 128 characters of ASCII without blanks. It needs password_file." need:"the server's default user" sample:"storekeeper"`
	// PasswordFile holds the password. Empty: none is sent.
	PasswordFile string `yaml:"password_file" type:"file" doc:"File with the password. It must be closed to every other user of the machine." sample:"/run/secrets/valkey-password"`
	// CAFile holds the CA certificates that verify the server's certificate.
	// Empty: those of the system.
	CAFile string `yaml:"ca_file" type:"file" doc:"File with the authorities, in PEM, that sign the certificate of the server. It needs tls on." need:"those of the system" sample:"/run/secrets/valkey-ca.crt"`
	// TLS is off or on.
	TLS string `yaml:"tls" oneof:"off on" doc:"Whether the connection has TLS 1.2 or later. Without it the password and the records can be read on the way, so off is for this machine or a network of its own." sample:"on"`
	// Prefix is the prefix of the key of each record.
	Prefix string `yaml:"prefix" doc:"What the name of each record begins with, so that several Storekeepers can share a server: 1 to 64 of A-Z, a-z, 0-9 and . _ : -." sample:"storekeeper"`
}

const serverRule = "must be host:port with a port from 1 to 65535, such as valkey.storekeeper.svc:6379"

var (
	recordPrefix = regexp.MustCompile(`^[A-Za-z0-9._:-]+$`)
	serverUser   = regexp.MustCompile(`^[!-~]+$`)
)

func (v *Valkey) validate(k check) {
	if v.Address != "" && !isServer(v.Address) {
		k.field("address").fail(serverRule)
	}
	if v.Username != "" {
		k.field("username").format(v.Username, textFormat{serverUser, 128}, "must be 1 to 128 characters of ASCII without blanks")
		if v.PasswordFile == "" {
			k.field("password_file").fail("is missing; it must go with username")
		}
	}
	if v.CAFile != "" && v.TLS == "off" && !k.field("tls").suppressed() {
		k.field("ca_file").fail("must go with tls on")
	}
	k.field("prefix").format(v.Prefix, textFormat{recordPrefix, 64}, "must be 1 to 64 of A-Z, a-z, 0-9 and . _ : -")
}

// isServer reports whether an address can be connected to.
func isServer(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 {
		return false
	}
	_, err = netip.ParseAddr(host)
	return err == nil || isHostName(host)
}
