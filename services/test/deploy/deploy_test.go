// Package deploy checks what an operator installs: the compose file, the alert
// rules and the dashboard.
package deploy

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"gopkg.in/yaml.v3"

	"github.com/assay-hq/assay/services/test/debian"
)

const dir = "../../../deploy"

func TestComposeFileRunsFiveServicesAndTheirBackends(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{filepath.Join(dir, "compose.yaml")},
		cli.WithEnv([]string{"ASSAY_INTERNAL_SECRET=secret", "ASSAY_ADMIN_KEY=key"}))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"migrate", "ingest", "profilefit", "behavior", "handoff", "gateway",
		"postgres", "collector", "prometheus",
	} {
		if _, err := project.GetService(name); err != nil {
			t.Errorf("service %s: %v", name, err)
		}
	}
	for name, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type != "bind" {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil {
				t.Errorf("%s mounts a file that is not there: %v", name, err)
			}
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s is reachable from outside: %+v", name, port)
			}
		}
	}
}

func TestComposeFileRefusesToStartWithoutSecrets(t *testing.T) {
	options, err := cli.NewProjectOptions([]string{filepath.Join(dir, "compose.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := options.LoadProject(context.Background()); err == nil ||
		!strings.Contains(err.Error(), "ASSAY_") {
		t.Fatalf("want an error that names the missing secret, got %v", err)
	}
}

func TestAlertRules(t *testing.T) {
	promtool := debian.Program(t, "promtool", "prometheus")
	for _, args := range [][]string{
		{"check", "rules", "alerts.yaml"},
		{"test", "rules", "alerts_test.yaml"},
		{"check", "config", "--syntax-only", "prometheus.yaml"},
	} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// Every metric an alert or a panel asks for must be one that Assay exports; the
// list is what a running installation shows on /metrics (see the end-to-end test
// of metrics, which holds it to that).
func TestDashboardAndAlertsAskForMetricsThatExist(t *testing.T) {
	exported := strings.Fields(read(t, "metrics.txt"))
	name := regexp.MustCompile(`\b(assay|rpc|http)_[a-z_]+`)
	labels := regexp.MustCompile(`by \([a-z_, ]*\)`)
	for _, file := range []string{"alerts.yaml", "dashboards/assay.json"} {
		for _, metric := range name.FindAllString(labels.ReplaceAllString(expressions(t, file), ""), -1) {
			if !slices.Contains(exported, metric) {
				t.Errorf("%s asks for %s, which is not exported", file, metric)
			}
		}
	}
}

// expressions returns the queries of a file of alert rules or of a dashboard.
func expressions(t *testing.T, file string) string {
	t.Helper()
	var all strings.Builder
	if strings.HasSuffix(file, ".yaml") {
		var rules struct {
			Groups []struct{ Rules []struct{ Expr string } }
		}
		if err := yaml.Unmarshal([]byte(read(t, file)), &rules); err != nil {
			t.Fatal(err)
		}
		for _, group := range rules.Groups {
			for _, rule := range group.Rules {
				all.WriteString(rule.Expr + "\n")
			}
		}
		return all.String()
	}
	var board struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(read(t, file)), &board); err != nil {
		t.Fatal(err)
	}
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			all.WriteString(target.Expr + "\n")
		}
	}
	if all.Len() == 0 {
		t.Fatalf("%s has no query", file)
	}
	return all.String()
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
