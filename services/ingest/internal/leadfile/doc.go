// Package leadfile knows what the rows of a file mean: leads, or what leads did.
//
//	header, columns ──Suggest──▶ []Column ──Of──▶ Mapping ─┐
//	mapping.yaml ────────────────Decode─────────▶ Mapping ─┼─Bind──▶ Binding ──Capture(row)──▶ CaptureLeadRequest
//	                                               header ─┘
//
// A mapping is written by hand, or follows from what each column is said to be, which
// is suggested by its header. Everything that can be wrong with the mapping or with the
// header is found before the first row is read, so a broken column stops an import
// before anything is written. What is wrong with a row concerns that row alone.
package leadfile
