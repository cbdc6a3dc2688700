package stage

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"platform.internal/storekeeper/test/bench/process"
)

// startContender starts the contender in front of the upstream.
func (s *Stage) startContender(ctx context.Context, w *World, set Settings) error {
	if w.Name == Direct {
		w.REST = w.Upstream
		return nil
	}
	var at doors
	for _, a := range []*string{&at.rest, &at.grpc, &at.admin} {
		var err error
		if *a, err = process.FreeAddress(); err != nil {
			return err
		}
	}
	w.REST, w.Admin = "http://"+at.rest+"/client/v4", at.admin
	spec, err := s.spec(w, at, set)
	if err != nil {
		return err
	}
	w.Process, err = process.Start(ctx, spec)
	return err
}

// spec says how a contender is started.
func (s *Stage) spec(w *World, at doors, set Settings) (process.Spec, error) {
	name := w.Name
	if name == BareGRPC {
		name = Gateway
	}
	spec := process.Spec{Name: "contender", Path: s.programs.files[name], Folder: w.folder}
	spec.Ready = answers(http.MethodGet, w.REST+"/accounts/"+Account+"/secrets_store/stores")
	if set.GCPercent > 0 && !ours(name) {
		spec.Env = append(spec.Env, "GOGC="+strconv.Itoa(set.GCPercent))
	}
	var err error
	switch name {
	case Storekeeper, Diskless, Standard:
		w.GRPC = at.grpc
		err = s.specStorekeeper(w, at, set, &spec)
	case Nginx:
		err = specNginx(w, at, &spec)
	case Caddy:
		err = specCaddy(w, at, &spec)
	case ReverseProxy:
		spec.Args = []string{"-listen", at.rest, "-admin", at.admin, "-upstream", "http://" + w.host, "-token", platformToken}
	case Floor:
		err = s.specFloor(w, at, set, &spec)
	case Gateway:
		w.GRPC = at.grpc
		spec.Args = []string{"-rest", at.rest, "-grpc", at.grpc, "-admin", at.admin, "-upstream", w.Upstream, "-token", platformToken}
		// The floor only supports reading and creating a store.
		spec.Ready = knows(w.REST + "/accounts/" + Account + "/secrets_store/stores/none")
	default:
		err = fmt.Errorf("there is no contender %q", w.Name)
	}
	return spec, err
}

func (s *Stage) specStorekeeper(w *World, at doors, set Settings, spec *process.Spec) error {
	config, err := writeConfig(w, at, set, s.issuer)
	if err != nil {
		return err
	}
	if w.Tokens, err = s.issuer.Tokens(set.Principals, set.Tenants); err != nil {
		return err
	}
	if set.Collector != "" {
		spec.Env = append(spec.Env, "OTEL_EXPORTER_OTLP_ENDPOINT="+set.Collector, "OTEL_TRACES_SAMPLER=parentbased_traceidratio",
			"OTEL_TRACES_SAMPLER_ARG="+strconv.FormatFloat(set.Sampled, 'f', -1, 64))
	}
	spec.Args = []string{"serve", "--config", config}
	spec.Ready = answers(http.MethodGet, "http://"+at.admin+"/readyz")
	// The start reads the kept answers first.
	spec.Patience = 5 * time.Minute
	return nil
}

// specFloor returns each principal a separate key, the only credential that the
// floor supports.
func (s *Stage) specFloor(w *World, at doors, set Settings, spec *process.Spec) error {
	file := filepath.Join(w.folder, "callers")
	for range set.Principals {
		w.Tokens = append(w.Tokens, rand.Text())
	}
	spec.Args = []string{"-listen", at.rest, "-admin", at.admin, "-upstream", w.host, "-token", platformToken, "-callers", file, "-log", filepath.Join(w.folder, "floor.log")}
	spec.Ready = knows(w.REST + "/accounts/" + Account + "/secrets_store/stores")
	return os.WriteFile(file, []byte(strings.Join(w.Tokens, "\n")+"\n"), 0o600)
}

const nginxText = `daemon off;
worker_processes auto;
worker_rlimit_nofile 8192;
pid %[1]s/nginx.pid;
error_log stderr error;
%[4]s
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  upstream cloudflare { server %[3]s; keepalive 256; }
  server {
    listen %[2]s;
    location / {
      proxy_pass http://cloudflare;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer ` + platformToken + `";
    }
  }
}
`

func specNginx(w *World, at doors, spec *process.Spec) error {
	file := filepath.Join(w.folder, "nginx.conf")
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // Its workers could not enter the folder otherwise.
	}
	spec.Args = []string{"-e", "stderr", "-c", file}
	return os.WriteFile(file, fmt.Appendf(nil, nginxText, w.folder, at.rest, w.host, user), 0o600)
}

const caddyText = `{
	admin %s
	auto_https off
	persist_config off
}
http://%s {
	reverse_proxy %s {
		header_up Authorization "Bearer ` + platformToken + `"
		transport http {
			keepalive_idle_conns 256
			keepalive_idle_conns_per_host 256
		}
	}
}
`

func specCaddy(w *World, at doors, spec *process.Spec) error {
	file := filepath.Join(w.folder, "Caddyfile")
	spec.Args = []string{"run", "--config", file, "--adapter", "caddyfile"}
	spec.Env = append(spec.Env, "HOME="+w.folder, "XDG_DATA_HOME="+w.folder, "XDG_CONFIG_HOME="+w.folder)
	return os.WriteFile(file, fmt.Appendf(nil, caddyText, at.admin, at.rest, w.host), 0o600)
}

// knows asks until there is an answer of any kind.
func knows(url string) func(context.Context) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return err
		}
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		return answer.Body.Close()
	}
}
