// Package tryton is the CRM connector of Tryton 6: parties with their contact
// mechanisms, and opportunities of the module sale_opportunity, over JSON-RPC.
//
// The key stands in the opportunity's reference, which is indexed and which people see
// and can search for. A party carries the lead's name as an identifier; one that has the
// email already is taken as it is.
//
// An opportunity's states are
//
//	lead ──▶ opportunity ──▶ converted ──▶ won
//	   │          │              │
//	   └──────────┴──────────────┴───────▶ lost, cancelled
//
// A quotation makes it converted, a confirmed one won. So opportunity and converted
// stand for the outcome opportunity, won for won, lost and cancelled for lost. Each may
// also go back; the lifecycle says what becomes of that.
package tryton
