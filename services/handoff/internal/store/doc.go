// Package store keeps what was decided: where each lead stands, the verdicts, the
// records of decisions and stage moves, the handoffs, and what ingest is still to
// be told of them.
//
// Everything that follows from one event (a claim that was scored, a word of sales)
// is one transaction. The row of a lead in `leads` is its lock: each of these
// transactions takes it first, so two of them never see the same lead half changed.
package store
