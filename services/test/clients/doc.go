// Package clients holds Assay to its first promise: point a client of Segment, RudderStack
// or Jitsu, or a sender of CloudEvents at it and it works. The real clients, pinned, talk to the real binary
// through a door that refuses the first two of their messages with 429 and 503, and the
// tests ask the lead store what it holds then.
//
// Every client says the same of one person: see [visit]. The scripts of those that run on
// Node are in node/, the pages of those that run in a browser in browser/. `go test` runs
// one client of each kind; `make test-clients` runs all of them.
package clients
