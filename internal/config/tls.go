package config

import "net"

// TLS names the files of the listeners' TLS. Without them connections are in
// plain text, and all listeners must be on loopback.
type TLS struct {
	// CertFile holds the certificate of the listeners.
	CertFile string `yaml:"cert_file" type:"file" doc:"File with the certificate of the listeners in PEM, followed by the intermediate CA certificates. All files here are read again when they change; if new files cannot be used, the old ones stay in use. A relative name starts at the folder of the configuration file." need:"with key_file" example:"/run/secrets/tls/tls.crt"`
	// KeyFile holds the private key of the certificate.
	KeyFile string `yaml:"key_file" type:"file" doc:"File with the private key of the certificate in PEM. Other users of the machine must not be able to access it." need:"with cert_file" example:"/run/secrets/tls/tls.key"`
	// ClientCAFile holds the authorities of client certificates.
	ClientCAFile string `yaml:"client_ca_file" type:"file" doc:"File with the CA certificates, in PEM, whose client certificates are accepted. callers.certificates maps certificates to callers. Without this file, clients are asked for no certificate." example:"/run/secrets/tls/ca.crt"`
	// ClientAuth says whether callers must present a client certificate:
	// optional or required.
	ClientAuth string `yaml:"client_auth" oneof:"optional required" doc:"Whether a connection to REST or gRPC needs a client certificate. If it is optional, callers with keys and tokens need none. The admin listener never asks for one." example:"optional"`
}

// Enabled reports whether the listeners have TLS.
func (t *TLS) Enabled() bool { return t.CertFile != "" }

// intended reports whether the listeners are meant to have TLS, even if one of the files is missing.
func (t *TLS) intended() bool { return t.CertFile != "" || t.KeyFile != "" }

func (t *TLS) setDefaults() { t.ClientAuth = "optional" }

func (t *TLS) validate(k section) {
	switch {
	case t.CertFile == "" && t.KeyFile != "":
		k.field("cert_file").fail("is missing; it must go with key_file")
	case t.CertFile != "" && t.KeyFile == "":
		k.field("key_file").fail("is missing; it must go with cert_file")
	case t.CertFile == "" && t.ClientCAFile != "":
		k.field("cert_file").fail("is missing; client certificates need the listeners to have TLS themselves")
	}
	if t.ClientAuth == "required" && t.ClientCAFile == "" {
		k.field("client_ca_file").fail("is missing; it must name the authorities of the certificates that client_auth requires")
	}
}

// plaintextRule returns the rule that a listener violates because the listener has no TLS, or "".
func plaintextRule(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || isLoopback(host) {
		return ""
	}
	return "must be on loopback, such as 127.0.0.1:" + port + ", unless listen.tls has cert_file and key_file; in plain text anyone on the way can read credentials and values"
}
