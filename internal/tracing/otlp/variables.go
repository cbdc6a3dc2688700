package otlp

import (
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// checkVariables checks the variables that the exporters read themselves. The exporters ignore a variable with a
// mistake, and their library writes its value, which may hold a credential, to standard error.
func checkVariables(getenv func(string) string) error {
	for _, kind := range []string{"", "TRACES_"} {
		value := func(name string) (full, text string) {
			full = "OTEL_EXPORTER_OTLP_" + kind + name
			return full, strings.TrimSpace(getenv(full))
		}
		for _, of := range []struct {
			name  string
			holds func(text string) bool
			right string
		}{
			{"ENDPOINT", isEndpoint, "a URL such as http://collector:4318"},
			{"HEADERS", areHeaders, "NAME=VALUE, several behind commas, with values percent-encoded"},
			{"TIMEOUT", isCount, "a number of milliseconds, such as 10000"},
			{"CERTIFICATE", holdsCertificates, "a file with certificates in PEM form"},
		} {
			if name, text := value(of.name); text != "" && !of.holds(text) {
				return wrong(name, of.right)
			}
		}
		name, certificate := value("CLIENT_CERTIFICATE")
		keyName, key := value("CLIENT_KEY")
		if certificate == "" || key == "" {
			continue
		}
		if _, err := tls.LoadX509KeyPair(certificate, key); err != nil {
			return wrong(name+" and "+keyName, "files with a certificate and its key in PEM form")
		}
	}
	return nil
}

func isEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func areHeaders(text string) bool {
	for pair := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(pair, "=")
		if _, err := url.PathUnescape(value); !found || err != nil || !httpguts.ValidHeaderFieldName(strings.TrimSpace(name)) {
			return false
		}
	}
	return true
}

func isCount(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n > 0
}

func holdsCertificates(file string) bool {
	text, err := os.ReadFile(file) //nolint:gosec // The operator names the file in a variable.
	return err == nil && x509.NewCertPool().AppendCertsFromPEM(text)
}
