// Package intake is the door for tracking clients of the Segment family: Segment,
// RudderStack and Jitsu speak to it as to their own servers.
//
//	request ─▶ key ─▶ origin ─▶ rate ─▶ body ─▶ messages ─▶ captures ─▶ one commit ─▶ 200
//	            401      403      429     400        │           │          │
//	                                                 └───────────┴──────────┴─▶ rejected events
//
// A body that is too large or no JSON is refused with 400. Everything else is answered
// with 200, also where some messages mean nothing: clients send a refused batch again and
// again. Such messages are rejected alone, counted in the header X-Rejected and kept with
// their reason by ingest. The answer is sent after the commit, never before.
//
// What many clients send at once goes to ingest together, see [inlet.Sender]: a call costs more
// than the event in it.
package intake
