// Package leadfile reads leads from a CSV file by a mapping: a YAML file that says
// which columns tell who a lead is, which tell what it did, and which are left out.
//
//	mapping.yaml ──Decode──▶ Mapping ─┐
//	                                  ├─Bind──▶ Binding ──Capture(row)──▶ CaptureLeadRequest
//	leads.csv(.gz) ──Open──▶ Rows ────┘
//
// Everything that can be wrong with the mapping or with the header is found before
// the first row is read, so a broken column stops an import before anything is
// written. What is wrong with a row concerns that row alone.
package leadfile
