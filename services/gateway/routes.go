package gateway

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// restRoute is a path of the API with the HTTP method that it takes.
type restRoute struct {
	method string
	path   *regexp.Regexp
}

// restRoutes lists the routes of all services, as their protos say.
var restRoutes = sync.OnceValue(func() []restRoute {
	var routes []restRoute
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				rule, _ := proto.GetExtension(methods.Get(j).Options(), annotations.E_Http).(*annotations.HttpRule)
				for _, rule := range append(rule.GetAdditionalBindings(), rule) {
					if method, template := verbOf(rule); template != "" {
						routes = append(routes, restRoute{method, templateRegexp(template)})
					}
				}
			}
		}
		return true
	})
	return routes
})

func verbOf(rule *annotations.HttpRule) (method, template string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	case *annotations.HttpRule_Put:
		return http.MethodPut, p.Put
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	}
	return "", ""
}

var variable = regexp.MustCompile(`\{[^=}]+(?:=([^}]*))?\}`)

// templateRegexp turns `/v1/{name=leads/*}:merge` into a pattern of such paths.
func templateRegexp(template string) *regexp.Regexp {
	path := variable.ReplaceAllStringFunc(template, func(v string) string {
		if inner := variable.FindStringSubmatch(v)[1]; inner != "" {
			return inner
		}
		return "*"
	})
	path = strings.ReplaceAll(regexp.QuoteMeta(path), `\*`, `[^/:]+`)
	return regexp.MustCompile("^" + path + "$")
}

// allowedMethods returns the HTTP methods that a path takes, in order.
func allowedMethods(path string) []string {
	var methods []string
	for _, r := range restRoutes() {
		if r.path.MatchString(path) {
			methods = append(methods, r.method)
		}
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}
