package tabular

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Column is what is known of a column after some of its cells. The zero value is ready.
type Column struct {
	// Cells counts those that say something.
	Cells int
	// Numbers and Booleans count cells that are one; a number is written as JSON has
	// it, so that what has a zero before it, as a postal code may, is none.
	Numbers, Booleans int
	// Times counts cells that are a time, by format.
	Times map[TimeFormat]int
	// OnlyDayFirst and OnlyMonthFirst count dates with slashes that can be read in one
	// of these two ways alone: that name a day after the twelfth.
	OnlyDayFirst, OnlyMonthFirst int
}

// enough is after how many cells a column without a number, or a time, is taken for one
// that has none.
const enough = 200

// Add takes in a cell, trimmed.
func (c *Column) Add(cell string) {
	if cell == "" {
		return
	}
	c.Cells++
	if c.Cells <= enough || c.Numbers > 0 {
		if IsNumber(cell) {
			c.Numbers++
		}
	}
	if _, ok := Boolean(cell); ok && cell != "0" && cell != "1" {
		c.Booleans++
	}
	if c.Cells <= enough || len(c.Times) > 0 {
		c.addTime(cell)
	}
}

func (c *Column) addTime(cell string) {
	if len(cell) < 6 || len(cell) > 40 || !strings.ContainsAny(cell, "0123456789") {
		return
	}
	var day, month bool
	for _, f := range TimeFormats() {
		if _, ok := f.Parse(cell, time.UTC); !ok {
			continue
		}
		if c.Times == nil {
			c.Times = map[TimeFormat]int{}
		}
		c.Times[f]++
		day, month = day || f == DayFirst, month || f == MonthFirst
	}
	switch {
	case day && !month:
		c.OnlyDayFirst++
	case month && !day:
		c.OnlyMonthFirst++
	}
}

// TimeFormat returns the format that most times of the column are written in, empty if
// it has none. Ambiguous says that the days cannot be told from the months: each could
// be the other, or some dates can only be read in one way and some only in the other.
func (c *Column) TimeFormat() (f TimeFormat, ambiguous bool) {
	most := 0
	for _, one := range TimeFormats() {
		if n := c.Times[one]; n > most {
			f, most = one, n
		}
	}
	if f != DayFirst && f != MonthFirst {
		return f, false
	}
	return f, (c.OnlyDayFirst > 0) == (c.OnlyMonthFirst > 0)
}

// IsNumber reports whether a cell is a number as JSON has it, without an exponent, that
// loses nothing as a 64-bit float.
func IsNumber(cell string) bool {
	s := strings.TrimPrefix(cell, "-")
	whole, part, point := strings.Cut(s, ".")
	if !onlyDigits(whole) || len(whole) > 1 && whole[0] == '0' || point && !onlyDigits(part) {
		return false
	}
	return len(whole)+len(part) <= 15
}

func onlyDigits(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil && s[0] != '+'
}

var (
	yes = []string{"yes", "true", "1"}
	no  = []string{"no", "false", "0"}
)

// Boolean returns what yes or no, true or false, 1 or 0 means, in any case.
func Boolean(cell string) (value, ok bool) {
	if len(cell) > len("false") {
		return false, false
	}
	cell = strings.ToLower(cell)
	if slices.Contains(yes, cell) {
		return true, true
	}
	return false, slices.Contains(no, cell)
}
