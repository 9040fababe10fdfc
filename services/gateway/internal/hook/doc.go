// Package hook is the door for webhooks: `POST /hooks/{source}`, for forms, mail and webinar
// tools that call an address of ours.
//
//	message ─▶ source ─▶ body ─▶ signature ─▶ mapping ─▶ captures ─▶ one commit ─▶ 200
//	   429       404      413       401          │           │
//	                                             └───────────┴──▶ rejected events
//
// What a signed message says and the mapping or ingest refuses is answered with 200 all the
// same: the sender would send it again for days, and no better. It is kept with its reason.
package hook
