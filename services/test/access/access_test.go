// Package access holds the authorization table to what was reviewed: every method
// of every service with the roles that may call it, as a text that a person reads.
package access

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	_ "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	_ "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	_ "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

var update = flag.Bool("update", false, "write matrix.golden; read the difference before you commit it")

const golden = "matrix.golden"

// roles in the order of the columns.
var roles = []typev1.Role{
	typev1.Role_ROLE_INGEST, typev1.Role_ROLE_SALES, typev1.Role_ROLE_MARKETING, typev1.Role_ROLE_MANAGER,
	typev1.Role_ROLE_ADMIN, typev1.Role_ROLE_AUDITOR, typev1.Role_ROLE_SERVICE,
}

func name(r typev1.Role) string { return strings.TrimPrefix(r.String(), "ROLE_") }

// services are all services of the API, by name.
func services(t *testing.T) []protoreflect.ServiceDescriptor {
	t.Helper()
	root := filepath.Join("..", "..", "..", "proto")
	files, err := filepath.Glob(filepath.Join(root, "assay", "*", "v1", "*.proto"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no protos under %s: %v", root, err)
	}
	var all []protoreflect.ServiceDescriptor
	for _, file := range files {
		path, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		registered, err := protoregistry.GlobalFiles.FindFileByPath(filepath.ToSlash(path))
		if err != nil {
			t.Fatalf("%s: %v; import its Go package here", path, err)
		}
		for i := range registered.Services().Len() {
			all = append(all, registered.Services().Get(i))
		}
	}
	slices.SortFunc(all, func(a, b protoreflect.ServiceDescriptor) int {
		return strings.Compare(string(a.FullName()), string(b.FullName()))
	})
	return all
}

func access(m protoreflect.MethodDescriptor) *typev1.Access {
	option, _ := proto.GetExtension(m.Options(), typev1.E_Access).(*typev1.Access)
	return option
}

func TestEveryMethodSaysWhoMayCallIt(t *testing.T) {
	for _, service := range services(t) {
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			granted := access(method).GetRoles()
			if len(granted) == 0 {
				t.Errorf("%s: nobody may call it: give it the option (assay.type.v1.access)", method.FullName())
			}
			for j, role := range granted {
				if !slices.Contains(roles, role) {
					t.Errorf("%s: %v is not a role", method.FullName(), role)
				}
				if slices.Contains(granted[:j], role) {
					t.Errorf("%s: %v stands there twice", method.FullName(), role)
				}
			}
		}
	}
}

// Who administers keys and takes standards away, as rules that no table hides. Who
// publishes need not be an admin: nothing is published that two people did not sign.
func TestOnlyAdminsChangeKeysAndRetire(t *testing.T) {
	for _, service := range services(t) {
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			switch method.Name() {
			case "CreateApiKey", "RevokeApiKey", "RetireStandard":
				if got := access(method).GetRoles(); !slices.Equal(got, []typev1.Role{typev1.Role_ROLE_ADMIN}) {
					t.Errorf("%s: %v", method.FullName(), got)
				}
			}
		}
	}
}

func TestAuditorsOnlyRead(t *testing.T) {
	for _, service := range services(t) {
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			reads := slices.ContainsFunc([]string{"Get", "List", "Lookup", "Diff", "Explain", "Lint", "Verify", "Check"}, func(verb string) bool {
				return strings.HasPrefix(string(method.Name()), verb)
			})
			if !reads && slices.Contains(access(method).GetRoles(), typev1.Role_ROLE_AUDITOR) {
				t.Errorf("%s: an auditor changes nothing", method.FullName())
			}
		}
	}
}

func TestMatrix(t *testing.T) {
	got := matrix(services(t))
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what the protos say. If the change is meant: go test ./services/test/access -update\n%s", golden, diff)
	}
}

// matrix prints the table.
func matrix(services []protoreflect.ServiceDescriptor) string {
	const width = 32
	var b strings.Builder
	b.WriteString("Who may call what. Made from the option (assay.type.v1.access) of each method; default deny.\n")
	for _, service := range services {
		fmt.Fprintf(&b, "\n%s\n%-*s", service.FullName(), width, "")
		for _, role := range roles {
			b.WriteString("  " + name(role))
		}
		b.WriteString("\n")
		for i := range service.Methods().Len() {
			method := service.Methods().Get(i)
			line := fmt.Sprintf("  %-*s", width-2, method.Name())
			for _, role := range roles {
				mark := "."
				if slices.Contains(access(method).GetRoles(), role) {
					mark = "x"
				}
				line += fmt.Sprintf("  %-*s", len(name(role)), mark)
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	return b.String()
}
