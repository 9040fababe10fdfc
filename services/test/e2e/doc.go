// Package e2e tests the whole of Assay through its public doors, in both run modes:
// all services in one process, and each service in a process of its own that reaches
// the others over TCP. The tests cannot tell the mode, and neither can the services.
package e2e
