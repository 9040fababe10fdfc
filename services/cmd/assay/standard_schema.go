package main

import "github.com/assay-hq/assay/standards"

type standardSchemaCmd struct{}

// Run prints the JSON Schema.
func (*standardSchemaCmd) Run(t *terminal) error {
	_, err := t.out.Write(standards.Schema)
	return err
}
