package routing

import (
	"cmp"
	"slices"
)

// Rotation is whose turn it is in a team: weighted round robin. The zero value is a team
// in which nobody had a turn yet.
//
// Each turn is due to those who are there, in the shares of their weights, and one of them
// takes it. What somebody was due and did not take is their credit, in turns:
//
//	credit = credit when somebody last came or left + turns since × weight ⁄ all weights − taken since
//
// The next turn goes to somebody whose credit, with this turn, is above zero; of those to
// the one who will be owed a whole turn the soonest; then to whom more is owed; then by id.
// So, as long as the same people are there, nobody ever has a turn more or less than their
// share of all turns. Who goes away keeps their credit, and it does not grow: who comes back
// makes good for what they were owed, and not for the time away. Who is new begins at zero.
//
// Numbers are whole, so that shares do not drift however many turns there are.
type Rotation struct {
	// Turns since somebody last came, left, or had their weight changed.
	Turns int64 `json:"turns,omitempty"`
	// Places of the members, by id.
	Places []Place `json:"places,omitempty"`
}

// Place is what a rotation knows of a member.
type Place struct {
	// User is the member's id.
	User string `json:"user"`
	// Weight in the turns since; 0: not there.
	Weight int64 `json:"weight,omitempty"`
	// Taken are the turns taken since.
	Taken int64 `json:"taken,omitempty"`
	// Credit when somebody last came or left, in millionths of a turn.
	Credit int64 `json:"credit,omitempty"`
	// Given are the turns taken in all.
	Given int64 `json:"given,omitempty"`
}

// Share is a member who is there, with a weight above zero.
type Share struct {
	// User is the member's id.
	User string
	// Weight of the member: twice the weight, twice the turns.
	Weight int64
}

// turn is one turn of credit.
const turn = 1_000_000

// Next gives the next turn to one of those who are there, and returns who it is. There
// must be one; each has another id.
func (r *Rotation) Next(there []Share) string {
	r.gather(there)
	weights := r.weights()
	var next *Place
	var owed, soonest int64
	for i := range r.Places {
		p := &r.Places[i]
		if p.Weight == 0 {
			continue
		}
		credit := p.Credit*weights + turn*((r.Turns+1)*p.Weight-p.Taken*weights)
		wait := turn*weights - credit // in credit; in turns it is that by weight
		if next == nil || cmp.Or(
			cmp.Compare(above(credit), above(owed)),
			cmp.Compare(soonest*p.Weight, wait*next.Weight),
			cmp.Compare(credit, owed),
		) > 0 {
			next, owed, soonest = p, credit, wait
		}
	}
	next.Taken++
	next.Given++
	r.Turns++
	return next.User
}

// Keep forgets everybody who is no longer a member.
func (r *Rotation) Keep(members []Member) {
	left := func(p Place) bool {
		return !slices.ContainsFunc(members, func(m Member) bool { return m.User == p.User })
	}
	if slices.ContainsFunc(r.Places, left) {
		r.settle()
		r.Places = slices.DeleteFunc(r.Places, left)
	}
}

// gather notes who is there.
func (r *Rotation) gather(there []Share) {
	weight := make(map[string]int64, len(there))
	changed := false
	for _, s := range there {
		weight[s.User] = s.Weight
		at, known := slices.BinarySearchFunc(r.Places, s.User, func(p Place, user string) int { return cmp.Compare(p.User, user) })
		if !known {
			r.Places = slices.Insert(r.Places, at, Place{User: s.User})
		}
	}
	for _, p := range r.Places {
		changed = changed || p.Weight != weight[p.User]
	}
	if !changed {
		return
	}
	r.settle()
	for i := range r.Places {
		r.Places[i].Weight = weight[r.Places[i].User]
	}
}

// settle turns what is due and taken so far into credit.
func (r *Rotation) settle() {
	weights := r.weights()
	for i := range r.Places {
		p := &r.Places[i]
		if p.Weight != 0 {
			p.Credit += turn * (r.Turns*p.Weight - p.Taken*weights) / weights
		}
		p.Taken = 0
	}
	r.Turns = 0
}

func above(credit int64) int {
	if credit > 0 {
		return 1
	}
	return 0
}

func (r *Rotation) weights() int64 {
	var sum int64
	for _, p := range r.Places {
		sum += p.Weight
	}
	return sum
}
