// Command bench measures what Assay reaches on this machine and prints one table.
//
//	make bench
//	go run ./services/test/bench -store sqlite -only flow -scale 0.3
//
// Everything is real: the services with their interceptors, both stores with fsync,
// TCP between the load and the doors, the default standard. The load runs on the same
// cores. Each figure stands beside a baseline of the same run, for a number alone
// says more about the machine than about the code.
//
//	workload.go   who does what: 20,000 leads, Zipf 1.1, activities of 600 bytes
//	pace.go       callers in a closed loop and arrivals in an open one, quantiles
//	raw.go        1  what the store itself can do with the rows of ingest
//	ingest.go     2  acknowledged activities, single and batched, over gRPC and REST
//	flow.go       3  capture → stored decision, as much as goes
//	latency.go    4  capture → stored decision, at a given rate
//	binary.go     5, 6  the binary: import, time to ready, memory
//	fold.go       7  the fold of engagement in memory
//	rescore.go    8  all leads again after a publish, and a preview of one
//	explain.go    9  an explanation with a line for each activity
//	clocks.go     10 open SLA clocks: at rest, lateness, many due at once
//	deliver.go    11 deliveries: from decision to receiver, and many at once
//	size.go       what a service's database holds
//	system.go     the services in this process, and what their metrics say
//	table.go      the table
package main
