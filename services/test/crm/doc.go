// Package crm holds Assay to a real CRM: a lead is captured, qualifies, is handed off and
// arrives in Tryton once, and what becomes of it there comes back.
package crm
