package deploy_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

const metricsPath = "/metrics"

// query is an expression over metrics, and the labels that a panel shows.
type query struct {
	name, expr, legend string
}

// series are the series of each metric, by the name that a query uses.
type series map[string][]map[string]string

// scraped runs the service, makes calls with the results that alerts watch, and
// reads its metrics as Prometheus does.
func scraped(t *testing.T) series {
	t.Helper()
	const account = "023e105f4ecef8ad9ca31a8372d0c353"
	c := newContainer(t, theImage(t), 65532, 65532)
	c.real = false // Metrics of the process come from /proc, which only a real container has.
	c.compose(compose(t).Services["storekeeper"])
	cloudflare := startEmulator(c, "/server", "emulator")
	at := c.start(slices.Concat([]string{"/server", "serve", "--config", "/etc/storekeeper/config.yaml"}, additions(cloudflare), anIssuer(),
		[]string{"--set", "quotas[0].tenant=*", "--set", "quotas[0].stores=50", "--set", "quotas[0].secrets=500"})...).serving()
	expectService(t, at, account)
	stores := "https://" + at.REST + "/client/v4/accounts/" + account + "/secrets_store/stores"
	for _, trouble := range []struct {
		fault  string
		status int
	}{
		{`{"kind":"status","status":401,"times":1}`, http.StatusBadGateway},
		{`{"kind":"status","status":500,"times":9}`, http.StatusServiceUnavailable},
		{`{"kind":"cut","times":9}`, http.StatusServiceUnavailable},
		{`{"kind":"rate_limit","times":1}`, http.StatusTooManyRequests}, // the last one: no call is sent for a while after it
	} {
		faults := strings.TrimSuffix(cloudflare, "/client/v4") + "/__emulator/faults"
		ask(t, http.MethodDelete, faults, "")
		if status, said := ask(t, http.MethodPost, faults, trouble.fault); status >= http.StatusMultipleChoices {
			t.Fatalf("the emulator refuses %s: %s", trouble.fault, said)
		}
		if status, said := send(t, request{method: http.MethodGet, url: stores, key: platformKey, fresh: true}); status != trouble.status {
			t.Errorf("%s made the service answer %d %s", trouble.fault, status, said)
		}
	}
	return readSeries(t, expectOK(t, "https://"+at.Admin+metricsPath))
}

// anIssuer adds an issuer of tokens, which is down: alerts are about that.
func anIssuer() []string {
	var args []string
	for _, set := range []string{"name=ci", "issuer=http://127.0.0.1:1", "audiences[0]=storekeeper", "subjects[0].match=somebody"} {
		args = append(args, "--set", "callers.issuers[0]."+set)
	}
	return args
}

func readSeries(t *testing.T, page string) series {
	t.Helper()
	reader := expfmt.NewTextParser(model.UTF8Validation)
	families, err := reader.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	all := series{}
	for name, family := range families {
		for _, metric := range family.Metric {
			all.add(name, family.GetType(), metric)
		}
	}
	return all
}

// add adds the series that Prometheus stores for a metric, with the labels instance and job.
func (s series) add(name string, kind dto.MetricType, metric *dto.Metric) {
	own := map[string]string{"instance": "127.0.0.1:9091", "job": "storekeeper"}
	for _, pair := range metric.Label {
		own[pair.GetName()] = pair.GetValue()
	}
	if kind != dto.MetricType_HISTOGRAM {
		s[name] = append(s[name], own)
		return
	}
	s[name+"_sum"] = append(s[name+"_sum"], own)
	s[name+"_count"] = append(s[name+"_count"], own)
	for _, bucket := range metric.GetHistogram().Bucket {
		bounded := maps.Clone(own)
		bounded["le"] = strconv.FormatFloat(bucket.GetUpperBound(), 'g', -1, 64)
		s[name+"_bucket"] = append(s[name+"_bucket"], bounded)
	}
}

// rules is a file of rules of Prometheus.
type rules struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	} `json:"groups"`
}

type rule struct {
	Record      string            `json:"record"`
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func allRules(t *testing.T) (all []rule) {
	t.Helper()
	var file rules
	if err := readStrictly(readFile(t, deployed("alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func alerts(t *testing.T) []rule {
	t.Helper()
	return slices.DeleteFunc(allRules(t), func(r rule) bool { return r.Record != "" })
}

func TestAlertsSayWhomTheyCallAndWhat(t *testing.T) {
	seen := map[string]bool{}
	for _, rule := range alerts(t) {
		if rule.Alert == "" || seen[rule.Alert] {
			t.Errorf("the name %q is empty or taken", rule.Alert)
		}
		seen[rule.Alert] = true
		if severity := rule.Labels["severity"]; severity != "page" && severity != "ticket" {
			t.Errorf("%s has severity %q", rule.Alert, severity)
		}
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" || rule.Annotations["runbook_url"] == "" || len(rule.Annotations) != 3 {
			t.Errorf("%s has annotations %v", rule.Alert, rule.Annotations)
		}
		if _, err := model.ParseDuration(rule.For); rule.For != "" && err != nil {
			t.Errorf("%s: %v", rule.Alert, err)
		}
	}
}

// dashboard is the part of Grafana's model that is tested.
type dashboard struct {
	Title         string `json:"title"`
	UID           string `json:"uid"`
	SchemaVersion int    `json:"schemaVersion"`
	Templating    struct {
		List []variable `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID      int    `json:"id"`
		Title   string `json:"title"`
		GridPos struct{ X, Y, W, H int }
		Targets []struct {
			RefID        string `json:"refId"`
			Expr         string `json:"expr"`
			LegendFormat string `json:"legendFormat"`
			Datasource   struct{ Type, UID string }
		} `json:"targets"`
	} `json:"panels"`
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal(readFile(t, deployed("dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboardHasPanelsSideBySide(t *testing.T) {
	d := readDashboard(t)
	if d.Title == "" || d.UID == "" || d.SchemaVersion == 0 || len(d.Panels) == 0 {
		t.Fatal("the dashboard is not one")
	}
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, panel := range d.Panels {
		if panel.ID == 0 || ids[panel.ID] || len(panel.Targets) == 0 {
			t.Errorf("%s has no query, or the id of another", panel.Title)
		}
		ids[panel.ID] = true
		at := panel.GridPos
		if at.W <= 0 || at.H <= 0 || at.X+at.W > 24 {
			t.Errorf("%s does not fit the width of 24", panel.Title)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other := cells[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies over %s", panel.Title, other)
				}
				cells[[2]int{x, y}] = panel.Title
			}
		}
	}
}

// queries lists the queries of rules, dashboard and runbooks.
func queries(t *testing.T) (all []query) {
	t.Helper()
	for _, rule := range allRules(t) {
		all = append(all, query{name: rule.Alert + rule.Record, expr: rule.Expr})
	}
	d := readDashboard(t)
	for _, variable := range d.Templating.List {
		if variable.Type == "query" {
			all = append(all, query{name: "variable " + variable.Name, expr: variable.selector(t)})
		}
	}
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			// Grafana fills in the interval and the variables.
			expr := strings.NewReplacer("$__rate_interval", "5m", "$tenant", ".+").Replace(target.Expr)
			all = append(all, query{name: panel.Title, expr: expr, legend: target.LegendFormat})
			if target.Datasource.UID != "${datasource}" {
				t.Errorf("%s reads from %v", panel.Title, target.Datasource)
			}
		}
	}
	return append(all, runbookQueries(t)...)
}

// variable is a variable of the dashboard.
type variable struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Query is a text, or an object with a text.
	Query any `json:"query"`
}

var labelValues = regexp.MustCompile(`^label_values\((\w+), *(\w+)\)$`)

// selector is a query for the values of the variable.
func (v variable) selector(t *testing.T) string {
	t.Helper()
	text, _ := v.Query.(string)
	if object, ok := v.Query.(map[string]any); ok {
		text, _ = object["query"].(string)
	}
	m := labelValues.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("the variable %s asks %v", v.Name, v.Query)
	}
	return "sum by (" + m[2] + ") (" + m[1] + ")"
}

func TestAlertsDashboardAndRunbooksAskForMetricsThatExist(t *testing.T) {
	have := scraped(t)
	// Prometheus adds up, and recording rules add theirs.
	have["up"] = []map[string]string{{"instance": "127.0.0.1:9091", "job": "storekeeper"}}
	for _, rule := range allRules(t) {
		if rule.Record != "" {
			have[rule.Record] = []map[string]string{{}}
		}
	}
	for _, q := range queries(t) {
		t.Run(q.name, func(t *testing.T) { q.check(t, have) })
	}
}

func TestMetricsThatDoNotExistAreFound(t *testing.T) {
	have := series{"calls_total": {{"code": "OK", "job": "x"}}}
	for name, test := range map[string]struct{ expr, want string }{
		"metric":              {"sum(rate(call_total[5m]))", "no metric call_total"},
		"label":               {`calls_total{status="OK"}`, "no series"},
		"value":               {`calls_total{code="Fine"}`, "no series"},
		"one of the values":   {`calls_total{code=~"OK|Fine"}`, "Fine"},
		"label of a grouping": {"sum by (method) (calls_total)", "no label method"},
		"bound of a quantile": {"histogram_quantile(0.9, calls_total) > 3", "no bucket ends at 3"},
		"label of a match":    {"calls_total / on (method) calls_total", "no label method"},
	} {
		if found := strings.Join(query{expr: test.expr}.mistakes(t, have), "\n"); !strings.Contains(found, test.want) {
			t.Errorf("%s: got %q, want %q", name, found, test.want)
		}
	}
}

func (q query) check(t *testing.T, have series) {
	t.Helper()
	for _, mistake := range q.mistakes(t, have) {
		t.Error(mistake)
	}
}

var legendLabel = regexp.MustCompile(`{{(\w+)}}`)

// mistakes returns the missing series and labels of the query.
func (q query) mistakes(t *testing.T, have series) (found []string) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(q.expr)
	if err != nil {
		return []string{err.Error()}
	}
	known, used := map[string]bool{}, []string{}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			found = append(found, have.lacks(n)...)
			for _, one := range have[n.Name] {
				for label := range one {
					known[label] = true
				}
			}
		case *parser.AggregateExpr:
			used = append(used, n.Grouping...)
		case *parser.BinaryExpr:
			found = append(found, have.unbounded(n)...)
			if n.VectorMatching != nil {
				used = append(used, n.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	for _, label := range legendLabel.FindAllStringSubmatch(q.legend, -1) {
		used = append(used, label[1])
	}
	for _, label := range used {
		if !known[label] {
			found = append(found, "there is no label "+label+" in "+q.expr)
		}
	}
	return found
}

// lacks returns the missing series and labels of a selector. Each alternative
// of a pattern must exist; otherwise a misspelt alternative would go unnoticed.
func (s series) lacks(n *parser.VectorSelector) (found []string) {
	if len(s[n.Name]) == 0 {
		return []string{"there is no metric " + n.Name}
	}
	for _, m := range n.LabelMatchers {
		for value := range strings.SplitSeq(m.Value, "|") {
			if m.Type == labels.MatchNotEqual || value == ".+" || m.Name == "code" && isCode(value) {
				continue
			}
			exact := labels.MustNewMatcher(labels.MatchEqual, m.Name, value)
			if m.Name != model.MetricNameLabel && !slices.ContainsFunc(s[n.Name], func(one map[string]string) bool { return exact.Matches(one[m.Name]) }) {
				found = append(found, "there are no series "+n.Name+" with "+exact.String())
			}
		}
	}
	return found
}

// isCode reports whether a word is the name of a gRPC status. The service under
// test does not end calls in all of them.
func isCode(word string) bool {
	return slices.Contains([]string{
		"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied", "ResourceExhausted",
		"FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated",
	}, word)
}

// unbounded reports comparisons of a quantile with a value that is no bucket
// bound: a quantile is only as precise as the bounds, and never above the last.
func (s series) unbounded(n *parser.BinaryExpr) []string {
	limit, isNumber := n.RHS.(*parser.NumberLiteral)
	call, isCall := n.LHS.(*parser.Call)
	if !isNumber || !isCall || call.Func.Name != "histogram_quantile" {
		return nil
	}
	bound := strconv.FormatFloat(limit.Val, 'g', -1, 64)
	for _, all := range s {
		if slices.ContainsFunc(all, func(one map[string]string) bool { return one["le"] == bound }) {
			return nil
		}
	}
	return []string{"no bucket ends at " + bound}
}
