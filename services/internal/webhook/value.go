package webhook

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/timestamppb"
)

var errNoTime = errors.New("a time: RFC 3339, or seconds or milliseconds since 1970")

// layouts of times as tools write them. One without a zone is UTC.
var layouts = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00", time.DateOnly}

func timeOf(value any) (time.Time, error) {
	switch v := value.(type) {
	case time.Time:
		return v, nil
	case float64:
		if t := instant(v); v > -1e14 && v < 1e14 && timestamppb.New(t).IsValid() {
			return t, nil
		}
	case string:
		v = strings.TrimSpace(v)
		for _, layout := range layouts {
			if t, err := time.Parse(layout, v); err == nil {
				return t.UTC(), nil
			}
		}
		if n, err := strconv.ParseFloat(v, 64); err == nil {
			return timeOf(n)
		}
	}
	return time.Time{}, errNoTime
}

func property(key string, value any) (string, any, error) { return key, plain(value), nil }

var errNoAttribute = errors.New("a text, a number, true or false, or a list of these")

func attribute(key string, value any) (string, any, error) {
	if key = snake(key); key == "" {
		return "", nil, nil
	}
	switch v := plain(value).(type) {
	case nil:
		return "", nil, nil
	case string:
		if strings.TrimSpace(v) == "" {
			return "", nil, nil // a field that was left empty says nothing
		}
		return key, v, nil
	case map[string]any:
		return "", nil, errNoAttribute
	case []any:
		if len(v) == 0 {
			return "", nil, nil
		}
		for _, item := range v {
			switch item.(type) {
			case []any, map[string]any:
				return "", nil, errNoAttribute
			}
		}
		return key, v, nil
	default:
		return key, v, nil
	}
}

// plain is a value as JSON has it.
func plain(value any) any {
	switch v := value.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = plain(v[i])
		}
		return items
	case map[string]any:
		fields := make(map[string]any, len(v))
		for key := range v {
			fields[key] = plain(v[key])
		}
		return fields
	default:
		return v
	}
}

var notSnake = regexp.MustCompile(`[^a-z0-9]+`)

// snake is a key in snake_case: `Job Title` and `jobTitle` are job_title. "" if nothing is
// left that could be a key.
func snake(key string) string {
	if snakeCase.MatchString(key) {
		return key
	}
	var b strings.Builder
	lower := false // the letter before was a small one
	for _, c := range key {
		if lower && unicode.IsUpper(c) {
			b.WriteByte('_')
		}
		lower = unicode.IsLower(c) || unicode.IsDigit(c)
		b.WriteRune(unicode.ToLower(c))
	}
	made := strings.Trim(notSnake.ReplaceAllString(b.String(), "_"), "_")
	if len(made) > 63 {
		made = strings.TrimRight(made[:63], "_")
	}
	if !snakeCase.MatchString(made) {
		return ""
	}
	return made
}

// textOf is a text, or a number as one writes it.
func textOf(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	default:
		return "", errNoText
	}
}
