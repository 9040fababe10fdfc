package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
)

// reviewed is the table of services/test/access as it was reviewed: the roles that may
// call a method, by its full name.
func reviewed(t *testing.T) map[protoreflect.FullName][]string {
	t.Helper()
	file, err := os.Open("../access/matrix.golden")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var service string
	var roles []string
	table := map[protoreflect.FullName][]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := lines.Text()
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "assay."):
			service = words[0]
		case len(words) > 0 && words[0] == "INGEST":
			roles = words
		case strings.HasPrefix(line, "  ") && len(words) == len(roles)+1:
			method := protoreflect.FullName(service + "." + words[0])
			table[method] = []string{} // nobody is a row too
			for i, mark := range words[1:] {
				if mark == "x" {
					table[method] = append(table[method], roles[i])
				}
			}
		}
	}
	return table
}

// methods are all methods of all services of this binary.
func methods() (all []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				if strings.HasPrefix(string(s.FullName()), "assay.") {
					all = append(all, s.Methods().Get(j))
				}
			}
		}
		return true
	})
	slices.SortFunc(all, func(a, b protoreflect.MethodDescriptor) int {
		return strings.Compare(string(a.FullName()), string(b.FullName()))
	})
	return all
}

// everyRole are the roles that keys can have, and nobody.
var everyRole = []string{"INGEST", "SALES", "MARKETING", "MANAGER", "ADMIN", "AUDITOR", ""}

// Every method, called through both doors by every role and by nobody: let in exactly
// where the reviewed table says so. What the method then thinks of an empty request is
// its own business.
func TestEveryRoleAtEveryMethod(t *testing.T) {
	table := reviewed(t)
	inBothModes(t, func(t *testing.T, in *installation) {
		keys := map[string]string{"": ""}
		for _, role := range everyRole[:len(everyRole)-1] {
			keys[role] = in.key(t, typev1.Role(typev1.Role_value["ROLE_"+role]))
		}
		conns := map[string]*grpc.ClientConn{}
		for role, key := range keys {
			conns[role] = in.dial(t, key)
		}
		calls := 0
		for _, method := range methods() {
			allowed, known := table[method.FullName()]
			if !known {
				t.Errorf("%s has no row in services/test/access/matrix.golden", method.FullName())
				continue
			}
			for _, role := range everyRole {
				may := role != "" && slices.Contains(allowed, role)
				err := call(t, conns[role], method)
				calls++
				code := status.Code(err)
				if wrong := judge(role, may, code == codes.Unauthenticated, isRefusal(status.Convert(err).Message())); wrong != "" {
					t.Errorf("gRPC: %s of %s: %v, %s", role, method.FullName(), err, wrong)
				}
				if code == codes.Internal || code == codes.Unknown || code == codes.Unimplemented {
					t.Errorf("gRPC: %s of %s: %v", role, method.FullName(), err)
				}
				for _, b := range bindings(method) {
					a, err := in.try(t.Context(), keys[role], b.method, b.path, b.body)
					if err != nil {
						t.Fatal(err)
					}
					calls++
					if wrong := judge(role, may, a.status == http.StatusUnauthorized, isRefusal(a.str("detail"))); wrong != "" {
						t.Errorf("REST: %s of %s %s: %d, %s", role, b.method, b.path, a.status, wrong)
					}
					if a.status >= 500 {
						t.Errorf("REST: %s of %s %s: %d %s", role, b.method, b.path, a.status, a.text)
					}
				}
			}
		}
		if calls < 1000 {
			t.Errorf("only %d calls were made", calls)
		}
	})
}

// isRefusal tells the door's refusal of a role from what a service says of an object that
// is somebody else's.
func isRefusal(words string) bool {
	return words == status.Convert(apierr.PermissionDenied()).Message()
}

// judge says what is wrong with how somebody was met at the door; empty: nothing.
func judge(role string, may, unknown, refused bool) string {
	switch {
	case role == "" && !unknown:
		return "want: not without a key"
	case role != "" && unknown:
		return "the key is not known"
	case role != "" && may && refused:
		return "want: let in"
	case role != "" && !may && !refused:
		return "want: refused"
	}
	return ""
}

// call calls a method with an empty request.
func call(t *testing.T, conn *grpc.ClientConn, method protoreflect.MethodDescriptor) error {
	t.Helper()
	request, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return conn.Invoke(ctx, fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name()),
		request.New().Interface(), answer.New().Interface())
}

// binding is a way to a method by REST.
type binding struct {
	method, path string
	body         any
}

var variable = regexp.MustCompile(`\{[^}=]+(=[^}]*)?\}`)

func bindings(method protoreflect.MethodDescriptor) (all []binding) {
	rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil {
		return nil
	}
	for _, r := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		b := binding{}
		switch {
		case r.GetGet() != "":
			b.method, b.path = http.MethodGet, r.GetGet()
		case r.GetPost() != "":
			b.method, b.path = http.MethodPost, r.GetPost()
		case r.GetPatch() != "":
			b.method, b.path = http.MethodPatch, r.GetPatch()
		case r.GetPut() != "":
			b.method, b.path = http.MethodPut, r.GetPut()
		case r.GetDelete() != "":
			b.method, b.path = http.MethodDelete, r.GetDelete()
		}
		if r.GetBody() != "" {
			b.body = map[string]any{}
		}
		b.path = variable.ReplaceAllStringFunc(b.path, func(v string) string {
			_, pattern, ok := strings.Cut(strings.Trim(v, "{}"), "=")
			if !ok {
				pattern = "*"
			}
			return strings.ReplaceAll(pattern, "*", "00000000-0000-7000-8000-000000000000")
		})
		all = append(all, b)
	}
	return all
}
