// Package standard keeps the standards: the written agreements of marketing and
// sales on what a qualified lead is.
//
// A standard passes six doors, each in a file of its own:
//
//	Parse    YAML → StandardSpec, strictly: what the file says is what was meant   parse.go
//	Compile  StandardSpec → Compiled, with every problem named by its path         compile.go
//	Store    immutable versions, named by the hash of their content                store.go
//	SignOff  the yes of marketing and of sales, by two people                      signoff.go
//	Publish  in the change window, if there is one                                 window.go
//	Active   the compiled standards that decide right now                          registry.go
//
// Nothing reaches the next door unless it passed the one before, so a standard
// that does not compile is never stored, and one that is stored can decide.
package standard
