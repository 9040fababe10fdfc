package gateway

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// The reference of errors has each reason once, with the code and the status that callers get.
func TestTheReferenceHasEveryReason(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| ([A-Z_]*) ?\\| ([0-9]*) ?\\|").FindAllStringSubmatch(string(text), -1) {
		reason, code, status := row[1], row[2], row[3]
		rows[reason]++
		if code == "" {
			continue // never the reason of an answer
		}
		var c codes.Code
		if err := c.UnmarshalJSON([]byte(strconv.Quote(code))); err != nil {
			t.Errorf("%s: %v", reason, err)
		}
		if got := strconv.Itoa(httpStatus(c, reason)); got != status {
			t.Errorf("%s of %s is answered with %s, the reference says %s", reason, code, got, status)
		}
	}
	for name := range typev1.ErrorReason_value {
		reason := strings.TrimPrefix(name, "ERROR_REASON_")
		if want := 1; reason != "UNSPECIFIED" && rows[reason] != want {
			t.Errorf("%s has %d rows, want %d", reason, rows[reason], want)
		}
		delete(rows, reason)
	}
	if len(rows) > 0 {
		t.Errorf("these are no reasons: %v", rows)
	}
}
