// Package webhook reads the webhooks of other people's tools: it knows a sender by its
// signature, and makes captures of what it says.
//
//	message ─▶ Verify: is it the sender, and is it fresh? ─▶ Read: JSON or a form
//	                                                          │
//	captures ◀─ Map: items ─▶ when ─▶ id, type, time, who, ─◀─┘
//	rejections                        attributes, properties
//
// A [Webhook] is compiled once from the configuration of a source and may be used by many
// goroutines. The mapping is written in the one expression language, see
// [condition.Selection]; what a preset gives is written in the same words as what a source
// sets itself, and a source may set any part of it differently.
//
// Nothing here keeps anything: the same message gives the same captures with the same ids,
// so that one that is sent twice, by a sender that heard no answer or by somebody who
// recorded it, is stored once.
package webhook
