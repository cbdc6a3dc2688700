package config

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
)

// Postgres is a PostgreSQL database.
type Postgres struct {
	// Hosts are the servers, each host:port. The first that accepts writes is used.
	Hosts []string `yaml:"hosts" doc:"The servers, each host:port. The first that accepts writes is used. A server that becomes a standby is left at once." need:"with kind postgres" sample:"[postgres.storekeeper.svc:5432]"`
	// Database is the name of the database.
	Database string `yaml:"database" doc:"Name of the database: 1 to 63 of a-z, 0-9 and _." sample:"storekeeper"`
	// Schema is the schema that holds the tables.
	Schema string `yaml:"schema" doc:"Name of the schema with the tables: 1 to 63 of a-z, 0-9 and _. It is created if it is missing. The role needs no rights outside of it." sample:"storekeeper"`
	// User is the role to log in as.
	User string `yaml:"user" doc:"Role to log in as: 1 to 63 characters of ASCII without blanks." sample:"storekeeper"`
	// PasswordFile holds the password. Empty: none is sent.
	PasswordFile string `yaml:"password_file" type:"file" doc:"File with the password. It is read for each new connection, and must be closed to every other user of the machine." sample:"/run/secrets/postgres-password"`
	// TLS is on or off.
	TLS string `yaml:"tls" oneof:"on off" doc:"Whether connections over TCP use TLS. The certificate of the server is verified against its host name. off: password and records can be read on the network, so use it on one machine or on a network of its own only." sample:"on"`
	// CAFile holds the CA certificates that verify the server's certificate.
	// Empty: those of the system.
	CAFile string `yaml:"ca_file" type:"file" doc:"File with the CA certificates, in PEM, that verify the certificate of the server. It needs tls on." need:"those of the system" sample:"/run/secrets/postgres-ca.crt"`
	// CertFile and KeyFile are the client certificate and its key.
	CertFile string `yaml:"cert_file" type:"file" doc:"File with the client certificate, in PEM. It goes with key_file." sample:"/run/secrets/postgres-client.crt"`
	KeyFile  string `yaml:"key_file" type:"file" doc:"File with the key of the client certificate, in PEM. It must be closed to every other user of the machine." sample:"/run/secrets/postgres-client.key"`
	// MemoryFile is a file in which this replica records the state of the store.
	MemoryFile string `yaml:"memory_file" type:"file" doc:"File in which this replica keeps the position of the store, on a volume that outlives the program. With it, a database that was emptied or restored from an older copy is refused after a restart too." sample:"/var/lib/storekeeper/store-seen"`
}

const serverRule = "host:port with a port from 1 to 65535, such as postgres.storekeeper.svc:5432"

var (
	databaseName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	serverUser   = regexp.MustCompile(`^[!-~]+$`)
)

const databaseRule = "must be 1 to 63 of a-z, 0-9 and _, not a digit first"

func (p *Postgres) setDefaults() {
	p.Database, p.Schema, p.User, p.TLS = "storekeeper", "storekeeper", "storekeeper", "on"
}

func (p *Postgres) validate(k section) {
	for i, host := range p.Hosts {
		if !isServer(host) {
			k.field("hosts").item(i).fail("must be " + serverRule)
		}
	}
	k.field("database").format(p.Database, textFormat{databaseName, 63}, databaseRule)
	k.field("schema").format(p.Schema, textFormat{databaseName, 63}, databaseRule)
	k.field("user").format(p.User, textFormat{serverUser, 63}, "must be 1 to 63 characters of ASCII without blanks")
	if p.CAFile != "" && p.TLS == "off" && !k.field("tls").suppressed() {
		k.field("ca_file").fail("must go with tls on")
	}
	if (p.CertFile == "") != (p.KeyFile == "") {
		k.field("cert_file").fail("must go with key_file")
	}
}

// files lists the files of this section. k is the check of the section.
func (p *Postgres) files(k section) []fileSetting {
	return []fileSetting{
		{k.field("password_file"), &p.PasswordFile, secret},
		{k.field("ca_file"), &p.CAFile, public},
		{k.field("cert_file"), &p.CertFile, public},
		{k.field("key_file"), &p.KeyFile, secret},
		{k.field("memory_file"), &p.MemoryFile, created},
	}
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
