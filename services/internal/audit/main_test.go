package audit_test

import (
	"testing"

	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }
