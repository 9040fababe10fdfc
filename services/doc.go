// Package services holds everything that runs: five services that live in one
// process or in many.
//
//	forms · SDKs · CSV · frontends · gRPC callers
//	                    │
//	                 gateway          REST and the public gRPC door
//	                    │ gRPC: to all four
//	     ┌──────────────┼───────────────────────────┐
//	     ▼              ▼                           ▼
//	  ingest       profilefit   behavior         handoff
//	  facts        does it fit? is it interested?  the qualifier: claims changed leads
//	     ▲              ▲            ▲               from ingest, asks profilefit, then
//	     └──────────────┴────────────┴─────────────  behavior, decides, hands off, and
//	                                                 returns what sales says as new facts
//
// Data flows one way: capture → facts → fit → behaviour → decision → handoff →
// outcome; an outcome is a new fact and enters at the top like any other. Calls
// form no circle: the gateway calls all four, handoff calls ingest, profilefit and
// behavior, and those three call nobody.
//
// Imports run cmd → app → {services} → services/internal → gen. A service never
// imports another service.
package services
