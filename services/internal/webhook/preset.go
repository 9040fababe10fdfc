package webhook

import (
	"embed"
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
)

// A preset is a configuration as a source has it, in a file: scheme, mapping and a sample.

//go:embed presets/*.yaml
var files embed.FS

// presets are the configurations of known tools, by name.
var presets = sync.OnceValue(func() map[string]*ingestv1.WebhookConfig {
	entries, err := files.ReadDir("presets")
	if err != nil {
		panic(err) // what is embedded can be read
	}
	all := map[string]*ingestv1.WebhookConfig{}
	for _, entry := range entries {
		text, err := files.ReadFile("presets/" + entry.Name())
		if err != nil {
			panic(err)
		}
		data, err := yaml.YAMLToJSONStrict(text)
		if err != nil {
			panic(entry.Name() + ": " + err.Error())
		}
		config := &ingestv1.WebhookConfig{}
		if err := protojson.Unmarshal(data, config); err != nil {
			panic(entry.Name() + ": " + err.Error()) // a test reads them all
		}
		all[strings.TrimSuffix(entry.Name(), ".yaml")] = config
	}
	return all
})

// Presets returns the names of the tools that are known, in order.
func Presets() []string { return slices.Sorted(maps.Keys(presets())) }

// complete lays a configuration over its preset: what it sets itself counts.
func complete(config *ingestv1.WebhookConfig) (*ingestv1.WebhookConfig, []apierr.Violation) {
	name := config.GetPreset()
	if name == "" {
		return config, nil
	}
	preset := presets()[name]
	if preset == nil {
		return nil, []apierr.Violation{{Field: "preset", Expected: "one of " + strings.Join(Presets(), ", ")}}
	}
	whole := proto.Clone(preset).(*ingestv1.WebhookConfig)
	if config.GetScheme() != ingestv1.WebhookConfig_SCHEME_UNSPECIFIED {
		whole.Hmac = nil // of the preset's scheme
	}
	proto.Merge(whole, config)
	return whole, nil
}

// Sample returns the body to try the mapping with: that of the configuration, else that of
// its preset.
func Sample(config *ingestv1.WebhookConfig) string {
	if sample := config.GetSample(); sample != "" {
		return sample
	}
	return presets()[config.GetPreset()].GetSample()
}
