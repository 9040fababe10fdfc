package tabular

import (
	"strings"
)

// delimiters are what cells can stand between, in the order in which they are preferred.
const delimiters = ",;\t|"

// looked is how many rows are looked at to find the delimiter.
const looked = 50

// Delimiter finds out what stands between the cells of the beginning of a file, 64 KiB
// or so of it: the delimiter that most rows have as often as the first, of those the one
// that makes more columns. A file of one column has none and is said to have commas.
func Delimiter(head string) byte {
	best, bestRows, bestColumns := byte(','), 0, 1
	for i := range len(delimiters) {
		d := delimiters[i]
		for _, end := range "\r\n" {
			if strings.HasPrefix(strings.ToLower(head), "sep="+string(d)+string(end)) {
				return d
			}
		}
		rows, columns := fit(head, d)
		if columns > 1 && (rows > bestRows || rows == bestRows && columns > bestColumns) {
			best, bestRows, bestColumns = d, rows, columns
		}
	}
	return best
}

// fit returns how many of the first rows have as many columns as the very first, and
// how many columns that has.
func fit(head string, d byte) (rows, columns int) {
	r := NewReader(strings.NewReader(head), d)
	for range looked {
		row, err := r.Next()
		if err != nil {
			break
		}
		switch {
		case row.Err != nil:
			continue
		case columns == 0:
			columns = len(row.Cells)
		case len(row.Cells) != columns:
			continue
		}
		rows++
	}
	return rows, columns
}
