package sqldb

import (
	"strings"
	"testing"
)

func TestPositional(t *testing.T) {
	for query, want := range map[string]string{
		`SELECT 1`:                             `SELECT 1`,
		`SELECT a FROM t WHERE b = $1`:         `SELECT a FROM t WHERE b = ?`,
		`INSERT INTO t VALUES ` + Values(2, 2): `INSERT INTO t VALUES (?,?),(?,?)`,
		`x IN (` + List(1, 12) + `)`:           `x IN (` + strings.Repeat("?,", 11) + `?)`,
		`a = a - $1 / $2`:                      `a = a - ? / ?`,
		`a = '$2 it''s' AND "b$1" = $1`:        `a = '$2 it''s' AND "b$1" = ?`,
		`a = $1 OR b = $1`:                     `a = $1 OR b = $1`,  // taken twice
		`a = $2 AND b = $1`:                    `a = $2 AND b = $1`, // out of order
		`a = $12`:                              `a = $12`,
		`a = $1x`:                              `a = $1x`,
		"a = $1 -- and '$2":                    "a = $1 -- and '$2",
		`a = $1 /* $2 */`:                      `a = $1 /* $2 */`,
		`a = $1 AND b = ?`:                     `a = $1 AND b = ?`,
		`a = $1 AND b = :b`:                    `a = $1 AND b = :b`,
		`a = $1 AND b = 'open`:                 `a = $1 AND b = 'open`,
		`a = $1 AND [b$2] = 1`:                 `a = $1 AND [b$2] = 1`,
	} {
		if got := positional(query); got != want {
			t.Errorf("%s\n became %s\n want   %s", query, got, want)
		}
	}
}
