// Package inlet is what doors for other people's tools have in common, whatever those speak:
// what a door knows of a source, how much may come, and the way of captures to ingest, with
// what is refused on it.
//
//	items ─▶ captures ─▶ one commit ─▶ answer
//	   └────────┴────────────┴───────▶ rejected events, with their reason
//
// What many requests bring at once goes to ingest together, see [Sender]. An answer is given after the commit. When ingest is away nothing is recorded and nothing is
// answered for good: the sender comes again, and what was stored after all is known by its id.
package inlet
