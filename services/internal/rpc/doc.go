// Package rpc builds the gRPC servers and clients of Assay, so that every call goes
// through the same steps whatever carries it.
//
// A call into a server, from the outside in:
//
//	observe       request id, one log line, a panic becomes INTERNAL, and an error
//	              becomes what the caller may see (apierr.From)
//	deadline      30 s where the caller set none
//	authenticate  the internal token, else the API key or token of an issuer if the
//	              server has a verifier
//	authorize     the method's (assay.type.v1.access) option; default deny
//	limit         the size of the request
//	validate      the rules in the protos; a violation names the field as in JSON
//	admit         whether who calls may bring as much as that, where the server asks
//	record        what a call from outside changes leaves an entry in the audit log
//
// Spans and metrics come from otelgrpc's stats handler, with the providers of the
// service. Health and reflection are open to everyone and leave no trace; every
// other method without the option is refused to everyone.
//
// A [Memory] network joins the services of one process. It carries the same HTTP/2,
// through the same steps, so no service can tell which mode it runs in. (Measured
// against Unix sockets: a quarter to a third less time per call.)
//
// A client attaches who calls, signed: the caller in the context, else the service
// itself.
package rpc
