// Package openapi carries the description of the REST API.
package openapi

import _ "embed"

// JSON is the OpenAPI 3.1 document of all services, merged from the parts beside it.
//
//go:embed openapi.json
var JSON []byte
