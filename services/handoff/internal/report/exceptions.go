package report

import (
	"maps"
	"math/big"
	"slices"
	"strings"
)

// Gates is the way of leads that met the standard.
const Gates = "gates"

// Handoff is one of the period, as it is now.
type Handoff struct {
	// Way is the code of its first reason.
	Way string
	// Accepted, Rejected, Recycled and Opportunity: it was so at some time.
	Accepted, Rejected, Recycled, Opportunity bool
	// Won and Lost: it ended so. Closed: it ended, these ways or another.
	Won, Lost, Closed bool
	// Amount that was won, as a decimal number, and its currency; empty if none was told.
	Amount, Currency string
}

// Way is what became of the handoffs of one way.
type Way struct {
	// Code of the reason: `gates`, `approval`, `fast_track.<id>`, `self_selection.<id>`.
	Code string
	// Handoffs is how many there are, the rest how many of them were so.
	Handoffs, Accepted, Rejected, Recycled, Opportunities, Won, Lost, Closed int
	// Amounts that were won, by currency, in hundredths.
	Amounts map[string]*big.Int
}

// CloseRate is the share of the closed handoffs that were won.
func (w *Way) CloseRate() Rate { return RateOf(w.Won, w.Closed) }

// Exceptions counts handoffs by the way they qualified. Its zero value is empty.
type Exceptions struct{ ways map[string]*Way }

// Add counts a handoff.
func (x *Exceptions) Add(h Handoff) {
	if x.ways == nil {
		x.ways = map[string]*Way{}
	}
	w := x.ways[h.Way]
	if w == nil {
		w = &Way{Code: h.Way, Amounts: map[string]*big.Int{}}
		x.ways[h.Way] = w
	}
	w.Handoffs++
	for _, count := range []struct {
		holds bool
		of    *int
	}{
		{h.Accepted, &w.Accepted},
		{h.Rejected, &w.Rejected},
		{h.Recycled, &w.Recycled},
		{h.Opportunity, &w.Opportunities},
		{h.Won, &w.Won},
		{h.Lost, &w.Lost},
		{h.Closed, &w.Closed},
	} {
		if count.holds {
			*count.of++
		}
	}
	if amount, ok := hundredths(h.Amount); ok && h.Won {
		if w.Amounts[h.Currency] == nil {
			w.Amounts[h.Currency] = new(big.Int)
		}
		w.Amounts[h.Currency].Add(w.Amounts[h.Currency], amount)
	}
}

// Ways are the lines of the report: the standard's gates first, also if nobody qualified
// by them, then the others by their code.
func (x *Exceptions) Ways() []*Way {
	ways := []*Way{{Code: Gates}}
	for _, code := range slices.Sorted(maps.Keys(x.ways)) {
		if code == Gates {
			ways[0] = x.ways[code]
			continue
		}
		ways = append(ways, x.ways[code])
	}
	return ways
}

// hundredths is a decimal number of at most two decimals, in hundredths.
func hundredths(decimal string) (*big.Int, bool) {
	whole, part, _ := strings.Cut(decimal, ".")
	if whole == "" || len(part) > 2 {
		return nil, false
	}
	return new(big.Int).SetString(whole+(part + "00")[:2], 10)
}

// Decimal is an amount in hundredths as a decimal number.
func Decimal(amount *big.Int) string {
	text := amount.String()
	for len(text) < 3 {
		text = "0" + text
	}
	return text[:len(text)-2] + "." + text[len(text)-2:]
}
