// Command write writes the JSON Schema and the reference of the language of standards.
// It reads the definition, as `buf build` writes it, from its input:
//
//	buf build -o - | go run ./services/handoff/internal/standard/reference/write SCHEMA PAGE
//
// from the root of the repository.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/assay-hq/assay/services/handoff/internal/standard/reference"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("two arguments are expected: the file of the schema, the file of the page")
	}
	language, err := reference.Read(os.Stdin)
	if err != nil {
		return err
	}
	schema, err := language.Schema()
	if err != nil {
		return err
	}
	page, err := language.Page("services/internal/condition/condition.go")
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[0], schema, 0o644); err != nil {
		return err
	}
	return os.WriteFile(args[1], page, 0o644)
}
