package crm

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/test/debian"
)

const (
	// database of the Tryton that the test starts, and its user.
	database, username, password = "assay", "admin", "tryton-of-a-test"
	packages                     = "tryton-server tryton-modules-sale-opportunity"
	module                       = "/usr/lib/python3/dist-packages/trytond/modules/sale_opportunity"
)

// tryton is a real Tryton with one company.
type tryton struct {
	addr          string // HOST:PORT
	authorization string
	context       map[string]any
	seller        int64 // an employee
}

// startTryton starts a Tryton over a new database in SQLite, installing it where it is
// missing and the test may.
func startTryton(t *testing.T) *tryton {
	t.Helper()
	debian.Program(t, "sale_opportunity (a module of Tryton)", packages, module)
	server := debian.Program(t, "trytond", packages)
	dir := t.TempDir()
	config := filepath.Join(dir, "trytond.conf")
	addr := freeAddr(t)
	write(t, config, "[database]\nuri = sqlite://\npath = "+dir+"\n[web]\nlisten = "+addr+"\n[session]\nauthentications = password\n")
	initialise(t, dir, config)

	log := filepath.Join(dir, "trytond.log")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(server, "-c", config, "-d", database)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = out.Close()
		if text, err := os.ReadFile(log); t.Failed() && err == nil {
			t.Logf("the end of Tryton's log:\n%s", text[max(0, len(text)-3000):])
		}
	})
	eventually(t, time.Minute, "Tryton answers", func() bool {
		connection, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
	r := &tryton{addr: addr}
	r.signIn(t)
	r.found(t)
	return r
}

// initialise makes the database. That takes Tryton half a minute, so what comes of it is
// kept beside the build cache, by the version.
func initialise(t *testing.T, dir, config string) {
	t.Helper()
	path := filepath.Join(dir, database+".sqlite")
	kept := ""
	if cache, err := os.UserCacheDir(); err == nil {
		kept = filepath.Join(cache, "assay-test", "tryton-"+version(t)+".sqlite")
		if made, err := os.ReadFile(kept); err == nil {
			write(t, path, string(made))
			return
		}
	}
	admin := debian.Program(t, "trytond-admin", packages)
	secret := filepath.Join(dir, "password")
	write(t, secret, password)
	write(t, path, "") // Tryton makes the tables, not the file
	cmd := exec.Command(admin, "-c", config, "-d", database, "--email", "admin@example.com", "-u", "sale_opportunity", "--activate-dependencies")
	cmd.Env = append(os.Environ(), "TRYTONPASSFILE="+secret)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("trytond-admin: %v\n%s", err, out)
	}
	made, err := os.ReadFile(path)
	if err != nil || kept == "" {
		return
	}
	// Best effort: another test may be writing it.
	if os.MkdirAll(filepath.Dir(kept), 0o755) == nil && os.WriteFile(kept+".new", made, 0o600) == nil {
		_ = os.Rename(kept+".new", kept)
	}
}

// version tells one installed Tryton from another.
func version(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("trytond-admin", "--version").Output()
	info, err2 := os.Stat(module)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s", out, info.ModTime()))
	return fmt.Sprintf("%x", sum[:8])
}

func (r *tryton) signIn(t *testing.T) {
	t.Helper()
	var session []any
	r.call(t, &session, "common.db.login", username, map[string]any{"password": password})
	token := fmt.Sprintf("%s:%.0f:%s", username, session[0], session[1])
	r.authorization = "Session " + base64.StdEncoding.EncodeToString([]byte(token))
}

// found founds a company with one employee. Without the user in a company Tryton refuses
// whatever belongs to one.
func (r *tryton) found(t *testing.T) {
	t.Helper()
	r.context = map[string]any{}
	one := map[string]any{"__class__": "Decimal", "decimal": "1"}
	currency := r.create(t, "currency.currency", map[string]any{
		"name": "Euro", "code": "EUR", "symbol": "€", "digits": 2, "rounding": map[string]any{"__class__": "Decimal", "decimal": "0.01"},
		"rates": nested(map[string]any{"rate": one, "date": map[string]any{"__class__": "date", "year": 2020, "month": 1, "day": 1}}),
	})
	company := r.create(t, "company.company", map[string]any{
		"party": r.create(t, "party.party", map[string]any{"name": "Example GmbH"}), "currency": currency,
	})
	r.context["company"] = company
	robot := r.create(t, "company.employee", map[string]any{"party": r.create(t, "party.party", map[string]any{"name": "Assay"}), "company": company})
	r.seller = r.create(t, "company.employee", map[string]any{"party": r.create(t, "party.party", map[string]any{"name": "Jane"}), "company": company})
	r.call(t, nil, "model.res.user.write", []int{1}, map[string]any{
		"companies": []any{[]any{"add", []int64{company}}}, "company": company,
		"employees": []any{[]any{"add", []int64{robot}}}, "employee": robot,
	})
	r.context["employee"] = robot
}

func nested(values map[string]any) []any { return []any{[]any{"create", []any{values}}} }

// create makes a record of a model.
func (r *tryton) create(t *testing.T, model string, values map[string]any) int64 {
	t.Helper()
	var ids []int64
	r.call(t, &ids, "model."+model+".create", []any{values})
	return ids[0]
}

// press presses a button of records.
func (r *tryton) press(t *testing.T, model, button string, ids ...int64) {
	t.Helper()
	r.call(t, nil, "model."+model+"."+button, ids)
}

// records of a model with some fields, by a domain.
func (r *tryton) records(t *testing.T, model string, domain []any, fields ...string) []map[string]any {
	t.Helper()
	var list []map[string]any
	r.call(t, &list, "model."+model+".search_read", domain, 0, 100, []any{[]any{"id", "ASC"}}, fields)
	return list
}

// call calls a method as the user, past everything that Assay's connector does.
func (r *tryton) call(t *testing.T, out any, method string, params ...any) {
	t.Helper()
	if strings.HasPrefix(method, "model.") {
		params = append(params, r.context)
	}
	body, err := json.Marshal(map[string]any{"id": 1, "method": method, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.addr+"/"+database+"/", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if r.authorization != "" {
		request.Header.Set("Authorization", r.authorization)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Result json.RawMessage
		Error  json.RawMessage
	}
	if err := json.Unmarshal(text, &answer); err != nil || len(answer.Error) > 0 {
		t.Fatalf("%s: %d %.500s", method, response.StatusCode, text)
	}
	if out != nil {
		if err := json.Unmarshal(answer.Result, out); err != nil {
			t.Fatalf("%s: %v in %.500s", method, err, text)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// eventually waits until something holds.
func eventually(t *testing.T, patience time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %s it is not so that %s", patience, what)
		}
	}
}
