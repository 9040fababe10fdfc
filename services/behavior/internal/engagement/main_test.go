package engagement

import (
	"os"
	"testing"

	"github.com/assay-hq/assay/services/internal/lawtest"
)

func TestMain(m *testing.M) {
	lawtest.PureCases(1000)
	os.Exit(m.Run())
}
