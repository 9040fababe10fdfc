// Package app composes the services into processes.
//
// Which services a process runs is data: the table in services.go says what each of
// them needs, and Start makes just those. The others are reached at the addresses of
// Settings.Peers. Whether a service is called in memory or over the network, the call
// goes through the same interceptors, and no service can tell the mode it runs in.
//
//	                 ┌─ public gRPC ─┐ local services directly, others forwarded
//	process ─────────┤               │
//	                 └─ HTTP ────────┘ REST (with a gateway), /healthz /readyz /metrics
//	   services ──── in-memory gRPC, one server each, internal tokens only
//	   databases ─── one for each service that keeps anything
package app
