// Package openapi holds answers of the REST API to the document that describes it.
package openapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/assay-hq/assay/gen/openapi"
)

// Load reads the document and checks that it is valid OpenAPI.
var Load = sync.OnceValues(func() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.JSON)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	// An answer that says more than the document is not what the document describes.
	no := false
	for _, schema := range doc.Components.Schemas {
		if s := schema.Value; len(s.Properties) > 0 && s.AdditionalProperties.Has == nil && s.AdditionalProperties.Schema == nil {
			s.AdditionalProperties.Has = &no
		}
	}
	return doc, nil
})

// Answer is what the server answered to a request.
type Answer struct {
	Method, Path string
	Status       int
	Header       http.Header
	Body         []byte
}

// Check returns how an answer differs from the document. What is no call of the API, a
// path or a method that is not described, must have been answered with a Problem.
func Check(a Answer) error {
	doc, err := Load()
	if err != nil {
		return err
	}
	u, err := url.Parse(a.Path)
	if err != nil {
		return err
	}
	path, operation := find(doc, a.Method, u.Path)
	if operation == nil {
		if a.Status != http.StatusNotFound && a.Status != http.StatusMethodNotAllowed {
			return fmt.Errorf("%s %s is not in the document, and answered with %d", a.Method, u.Path, a.Status)
		}
		path, operation = "", &openapi3.Operation{Responses: openapi3.NewResponses(openapi3.WithName("default", doc.Components.Responses["Problem"].Value))}
	}
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: &http.Request{Method: a.Method, URL: u},
			Route:   &routers.Route{Spec: doc, Path: path, Method: a.Method, Operation: operation},
		},
		Status:  a.Status,
		Header:  a.Header,
		Body:    io.NopCloser(bytes.NewReader(a.Body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
}

var parameter = regexp.MustCompile(`\\\{[^}]+\\\}`)

func find(doc *openapi3.T, method, path string) (string, *openapi3.Operation) {
	for template, item := range doc.Paths.Map() {
		pattern := "^" + parameter.ReplaceAllString(regexp.QuoteMeta(template), `[^/:]+`) + "$"
		if regexp.MustCompile(pattern).MatchString(path) {
			return template, item.Operations()[strings.ToUpper(method)]
		}
	}
	return "", nil
}
