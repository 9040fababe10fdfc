// Package cloudevent is the door for CloudEvents 1.0 over HTTP (binding 1.0.2): `POST
// /v1/events:cloudevents` with a write key, in the binary, the structured and the batched
// mode, and the handshake of webhooks (`OPTIONS`, `WebHook-Request-Origin`).
//
//	request ─▶ key ─▶ body ─▶ events ─▶ mapping ─▶ captures ─▶ one commit ─▶ 200
//	           401     413      400        │           │
//	                                       └───────────┴──▶ rejected events
//
// An event reads for the mapping of its source as in its JSON format: `body.type`,
// `body.subject`, `body.data.email`; a source without a mapping has the preset `cloudevents`.
// Source and id of an event together make the id of its activity, so that one that comes
// again is stored once.
//
// A single event that is refused is answered with 400 and the reason; of a batch the good
// ones are stored, and the answer counts the others.
package cloudevent
