// Package routing says who gets a lead that qualified. It is pure, and has two parts:
//
//	attributes of the lead ──▶ Rules.Route ──▶ Route            with the decision: frozen
//	                                             │
//	people as they are now ──▶ Route.Assign ◀────┘ ──▶ Assignment    in its transaction
//
// The rule part says whom the account belongs to and which rule of the standard holds; it
// depends on nothing but the attributes, so that it can be explained later from the
// evidence of the decision. The person part looks at who is there:
//
//	the owner of the account ── may get it ──▶ owner
//	          │ no
//	the first rule that holds ── a person who may get it ──▶ owner
//	          │                  a queue ──▶ whoever claims it
//	        a team
//	          │
//	who is there (active, not absent, with room, at work as the standard says)
//	          │ some                               │ nobody
//	    weighted round robin ──▶ owner             waits in the queue, until somebody is
//
// Nobody who is inactive or absent gets a lead on any way. Every assignment says in words
// why it was made.
package routing
