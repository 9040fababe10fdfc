// Package dbtest gives tests a real database of each kind.
//
// SQLite is a file in the test's folder. PostgreSQL is a server that the test
// process starts at its first need, from the binaries on the machine, and stops in
// [Main]; each test gets a database of its own in it. Where PostgreSQL is missing it
// is installed if that may be done (root on Debian), else the test fails and says
// what to install: a test on a store is never skipped.
//
//	func TestMain(m *testing.M) { dbtest.Main(m) }
//
//	func TestStore(t *testing.T) {
//		dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
//			db := open("ingest", sqldb.Full)
//			…
//		})
//	}
package dbtest
