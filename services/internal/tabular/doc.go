// Package tabular reads tables from text files as spreadsheets and databases write them,
// and writes such files that a spreadsheet may open.
//
//	bytes ──Sniffer──▶ Encoding ──Decode──▶ UTF-8 ──Delimiter──▶ ';' ──Reader──▶ rows
//	                                                                     │
//	                                                     Column.Add ◀────┘  what a column holds
//
// A file says neither its encoding nor its delimiter, so both are found out. What is
// wrong with a row is that row's trouble: reading goes on with the line after the one
// that it began on.
package tabular
