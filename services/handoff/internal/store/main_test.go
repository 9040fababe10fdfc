package store_test

import (
	"testing"

	"github.com/assay-hq/assay/services/internal/lawtest"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func TestMain(m *testing.M) {
	lawtest.Cases(100)
	dbtest.Main(m)
}
