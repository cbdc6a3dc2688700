package docs_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

const trailPage = `# Reference: audit trail

Each record is a line of JSON. A field that is empty is left out; the order is always that of this table. This page is made from the code
(` + "`go test ./docs -run Reference -update`" + `).

| field | meaning |
|---|---|
| ` + "`seq`" + ` | Number of the record, from 1, without gaps over all files of a trail. |
`

const trailEnd = "| `chain`, `keyed` | Identifier of the chain, and whether its hashes need a key: in records of the kinds start and recovered. |\n" +
	"| `prev`, `hash` | Hash of the record before, and of this one: SHA-256, or HMAC-SHA-256 with `audit.key_file`, over the line up to `prev`, with it. |\n"

func TestTheReferenceOfTheTrailIsThatOfTheCode(t *testing.T) {
	t.Parallel()
	docs := fieldDocs(t, "../internal/audit/record.go")
	fields := map[string]string{}
	record := audit.Record{Kind: audit.KindOutcome, Time: time.Unix(1, 0), Outcome: audit.Succeeded}
	line, err := audit.NewChain(nil, audit.NewOrigin(nil), audit.Place{}).Append(nil, filled(record, fields), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, key := range keysOf(t, line) {
		switch key {
		case "seq", "prev", "hash":
			continue
		}
		of, known := fields[key]
		if !known || docs[of] == "" {
			t.Errorf("the field %s of a line is none of a record with a comment (%s)", key, of)
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s |\n", key, cell(docs[of])))
	}
	generated(t, "reference/trail.md", trailPage+strings.Join(rows, "")+trailEnd)
}

// jsonNames maps fields of records to their names in a line, if the names differ.
func jsonNames() map[string]string {
	return map[string]string{
		"Record.Store.ID": "store_id", "Record.Store.Name": "store_name", "Record.RunID": "run_id", "Record.SecretCount": "secret_count",
		"Record.RequestID": "request_id", "Record.TraceID": "trace_id", "Record.TenantID": "tenant_id",
	}
}

// filled fills in all fields of a record, and notes the names that they have in a line.
func filled(r audit.Record, fields map[string]string) audit.Record {
	fill(reflect.ValueOf(&r).Elem(), "Record", "", fields)
	return r
}

func fill(v reflect.Value, path, within string, fields map[string]string) {
	for i := range v.NumField() {
		name, f := path+"."+v.Type().Field(i).Name, v.Field(i)
		key := jsonNames()[name]
		if key == "" {
			key = within + strings.ToLower(v.Type().Field(i).Name)
		}
		switch f.Kind() {
		case reflect.String:
			if f.String() == "" {
				f.SetString("x")
			}
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int:
			f.SetInt(1)
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			if f.Type().Elem().Kind() == reflect.Struct {
				fill(f.Index(0), f.Type().Elem().Name(), key+"[].", fields)
			} else {
				f.Index(0).SetString("x")
			}
		case reflect.Struct:
			if f.Type() != reflect.TypeFor[time.Time]() {
				if f.Type().Name() == "Store" {
					fill(f, name, "", fields)
				} else {
					fill(f, f.Type().Name(), key+".", fields)
				}
			}
		default:
		}
		fields[key] = docOf(name)
	}
}

// docOf returns the field whose comment describes another field.
func docOf(name string) string {
	if inner, ok := strings.CutPrefix(name, "Record.Store."); ok {
		return "Store." + inner
	}
	return name
}

// keysOf lists the fields of a line in order, including fields of nested objects.
func keysOf(t *testing.T, line []byte) (keys []string) {
	t.Helper()
	to := json.NewDecoder(strings.NewReader(string(line)))
	var path []string
	var isKey []bool
	for {
		tok, err := to.Token()
		if err != nil {
			break
		}
		top := len(isKey) - 1
		switch d := tok.(type) {
		case json.Delim:
			switch d {
			case '{':
				isKey = append(isKey, true)
			case '[':
				path[len(path)-1] += "[]"
				isKey = append(isKey, false)
			default:
				isKey = isKey[:top]
				if top > 0 && len(path) > 0 && d == '}' && strings.HasSuffix(path[len(path)-1], "[]") {
					continue // the next of a list
				}
				if len(path) > 0 {
					path = path[:len(path)-1]
				}
				if top > 0 {
					isKey[top-1] = true
				}
			}
			continue
		case string:
			if top >= 0 && isKey[top] && to.More() {
				path, isKey[top] = append(path, d), false
				keys = append(keys, strings.Join(path, "."))
				continue
			}
		}
		if top >= 0 && !strings.HasSuffix(path[len(path)-1], "[]") {
			path, isKey[top] = path[:len(path)-1], true
		}
	}
	return keys
}

// fieldDocs are the comments of the fields of structs in a file.
func fieldDocs(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		of, ok := spec.Type.(*ast.StructType)
		if !ok {
			return false
		}
		for _, f := range of.Fields.List {
			for _, name := range f.Names {
				docs[spec.Name.Name+"."+name.Name] = f.Doc.Text()
			}
		}
		return false
	})
	return docs
}
