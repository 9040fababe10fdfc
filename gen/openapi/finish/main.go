// Command finish makes the description of the REST API say what is served, on its way
// from stdin to stdout. The generator knows the protos, but not what the gateway does:
//
//   - a path parameter is the bare id, not the whole resource name that the field holds;
//   - errors are application/problem+json, in the shape of problem.json;
//   - every call carries an API key.
package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "finish:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var d document
	if err := json.NewDecoder(in).Decode(&d); err != nil {
		return err
	}
	if err := d.finish(); err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}

type object = map[string]any

// document is an OpenAPI document in the order in which one is read. Below the paths,
// keys are in alphabetical order.
type document struct {
	OpenAPI    string            `json:"openapi"`
	Info       object            `json:"info"`
	Servers    []object          `json:"servers"`
	Security   []object          `json:"security"`
	Tags       []object          `json:"tags"`
	Paths      map[string]object `json:"paths"`
	Components components        `json:"components"`
}

type components struct {
	SecuritySchemes object `json:"securitySchemes"`
	Responses       object `json:"responses"`
	Schemas         object `json:"schemas"`
}

//go:embed problem.json
var problem []byte

func (d *document) finish() error {
	d.Info["title"] = "Assay"
	d.Servers = []object{{"url": "/"}}
	d.Security = []object{{"apiKey": []string{}}}
	d.Components.SecuritySchemes = object{"apiKey": object{
		"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer <key>`.",
	}}
	d.Components.Responses = object{"Problem": object{
		"description": "The call was refused, or it failed.",
		"content":     object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}},
	}}
	delete(d.Components.Schemas, "google.rpc.Status")
	d.Components.Schemas["Problem"] = json.RawMessage(strings.Replace(string(problem), "REASONS", reasons(), 1))
	return d.finishPaths()
}

// reasons lists what the reason of an error may be.
func reasons() string {
	var names []string
	for number := int32(1); typev1.ErrorReason_name[number] != ""; number++ {
		names = append(names, "`"+strings.TrimPrefix(typev1.ErrorReason_name[number], "ERROR_REASON_")+"`")
	}
	return strings.Join(names, ", ")
}

// finishPaths names the parameters of all paths. Paths that differed only by the name
// of a parameter become one.
func (d *document) finishPaths() error {
	paths := make(map[string]object, len(d.Paths))
	for template, methods := range d.Paths {
		path, ids, err := rename(template)
		if err != nil {
			return err
		}
		if paths[path] == nil {
			paths[path] = object{}
		}
		for method, op := range methods {
			if _, taken := paths[path][method]; taken {
				return fmt.Errorf("two operations are %s %s", method, path)
			}
			operation, ok := op.(object)
			if !ok {
				return fmt.Errorf("%s %s: expected an operation", method, template)
			}
			if err := finishOperation(operation, ids); err != nil {
				return fmt.Errorf("%s %s: %w", method, template, err)
			}
			paths[path][method] = operation
		}
	}
	d.Paths = paths
	return nil
}

// id is a parameter of a path: the part of a resource's name after its collection.
type id struct{ name, collection string }

var parameter = regexp.MustCompile(`([A-Za-z]+)/\{([^}]+)\}`)

// rename turns `/v1/leads/{name}/fit` into `/v1/leads/{lead}/fit`: a parameter is named
// after the collection it stands in.
func rename(template string) (path string, ids map[string]id, err error) {
	ids = map[string]id{}
	path = parameter.ReplaceAllStringFunc(template, func(part string) string {
		m := parameter.FindStringSubmatch(part)
		name, plural := strings.CutSuffix(m[1], "s")
		if stem, ies := strings.CutSuffix(name, "ie"); ies {
			name = stem + "y"
		}
		if !plural {
			err = fmt.Errorf("%s: %q is no collection to name a parameter after", template, m[1])
		}
		ids[m[2]] = id{name, m[1]}
		return m[1] + "/{" + name + "}"
	})
	if err == nil && strings.Count(template, "{") != len(ids) {
		err = fmt.Errorf("%s: expected each parameter once, after its collection", template)
	}
	return path, ids, err
}

func finishOperation(operation object, ids map[string]id) error {
	parameters, _ := operation["parameters"].([]any)
	named := 0
	for _, p := range parameters {
		parameter, ok := p.(object)
		if !ok || parameter["in"] != "path" {
			continue
		}
		name, _ := parameter["name"].(string)
		id, ok := ids[name]
		if !ok {
			return fmt.Errorf("the parameter %q is not in the path", name)
		}
		parameter["name"] = id.name
		parameter["description"] = fmt.Sprintf("The id alone: what follows `%s/` in the resource's name.", id.collection)
		named++
	}
	if named != len(ids) {
		return errors.New("a parameter of the path is not described")
	}
	responses, ok := operation["responses"].(object)
	if !ok {
		return errors.New("expected responses")
	}
	responses["default"] = object{"$ref": "#/components/responses/Problem"}
	return nil
}
