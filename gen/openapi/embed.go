// Package openapi carries the description of the REST API.
package openapi

import _ "embed"

// JSON is the OpenAPI 3.1 document of all services: the parts beside it, merged, and
// brought in line with what the gateway serves by finish.
//
//go:embed openapi.json
var JSON []byte
