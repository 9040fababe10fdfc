// Package gateway is the edge: REST on the methods of the services, and the public
// gRPC door. It owns nothing and decides nothing.
//
//	HTTP ─▶ request id ─▶ recover ─▶ who calls ─▶ span ─▶ route ─▶ body ─▶ gRPC
//	                                                      │
//	                                 404, 405, 401, 413 ◀─┘   one error body for all
//
// An API key is verified with handoff's AccessService, at most five seconds old, and
// becomes a caller; calls to the services carry that caller as an internal token.
// What a caller may do is decided by the service that is called.
//
// REST is grpc-gateway on the same methods. What this package adds is the error body
// (RFC 9457 and google.rpc.Status in one), strict JSON whose errors name the field,
// limits, and four headers: If-Match and ETag, Idempotency-Key, X-Request-Id.
package gateway
