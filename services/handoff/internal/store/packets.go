package store

import (
	"context"
	"database/sql"
	"errors"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Packet is what sales is given with a handoff, as it was when it was first sent.
// ErrNotFound before.
func (s *Store) Packet(ctx context.Context, handoff string) (*handoffv1.HandoffPacket, error) {
	var blob []byte
	err := s.db.Read().QueryRowContext(ctx, `SELECT packet FROM handoff_packets WHERE handoff_id = $1`, HandoffID(handoff)).Scan(&blob)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrNotFound
	case err != nil:
		return nil, err
	}
	p := &handoffv1.HandoffPacket{}
	return p, proto.Unmarshal(blob, p)
}

// KeepPacket keeps what sales is given, and returns what is kept: of several, the first.
func (s *Store) KeepPacket(ctx context.Context, p *handoffv1.HandoffPacket) (*handoffv1.HandoffPacket, error) {
	blob, err := proto.Marshal(p)
	if err != nil {
		return nil, err
	}
	h := p.GetHandoff()
	var n int64
	err = s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		n, err = tx.Affected(`INSERT INTO handoff_packets (handoff_id, lead_id, packet, create_time) VALUES ($1,$2,$3,$4)
			ON CONFLICT (handoff_id) DO NOTHING`, HandoffID(h.GetName()), LeadID(h.GetLead()), blob, sqldb.Micros(s.now()))
		return err
	})
	if err != nil || n == 1 {
		return p, err
	}
	return s.Packet(ctx, h.GetName())
}
