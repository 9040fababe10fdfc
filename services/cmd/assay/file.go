package main

import (
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	"github.com/assay-hq/assay/services/internal/bodycheck"
)

// readMessage reads a message of the API from a file in YAML or JSON. What is wrong with the
// file is said by its field, and what was expected there.
func readMessage(path string, into proto.Message) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return usageError{err}
	}
	data, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return usage("%s: %w", path, err)
	}
	if err = protojson.Unmarshal(data, into); err == nil {
		return nil
	}
	wrong := bodycheck.Explain(data, into.ProtoReflect().Descriptor(), "")
	switch {
	case len(wrong) == 0:
		return usage("%s: %w", path, err)
	case wrong[0].Field == "":
		return usage("%s: expected %s", path, wrong[0].Expected)
	}
	return usage("%s: %s: expected %s", path, wrong[0].Field, wrong[0].Expected)
}
