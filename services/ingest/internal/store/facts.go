package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/pending"
	"github.com/assay-hq/assay/services/ingest/internal/traffic"
)

// readDeltas reads the facts of claimed leads, those of merged members included:
// two queries, however many leads.
func (s *Store) readDeltas(ctx context.Context, claimed []*Claimed) error {
	if len(claimed) == 0 {
		return nil
	}
	byLead := make(map[string]*Claimed, len(claimed))
	ids, after, to := make([]string, len(claimed)), make([]int64, len(claimed)), make([]int64, len(claimed))
	for i, c := range claimed {
		byLead[c.Lead] = c
		ids[i], after[i], to[i] = c.Lead, c.From, c.Claimed
	}
	bytes := make(map[string]int, len(claimed))
	total := 0
	err := s.readFacts(ctx, keysOf(ids, after, to), func(person string, f *typev1.Fact) {
		c := byLead[person]
		if c.Omitted {
			return
		}
		c.Facts = append(c.Facts, f)
		weight := len(f.GetActivity().GetPropertiesJson()) + len(f.GetAttribute().GetValueJson())
		bytes[person] += weight
		total += weight
		// What was summed up when it was captured is known to fit; a whole history is not.
		if c.From == 0 && (bytes[person] > maxFactBytes || total > maxBytes) {
			total -= bytes[person]
			c.Facts, c.Omitted = nil, true
		}
	})
	for _, c := range claimed {
		if f := createTime(&c.Row, c.From, c.Claimed, c.Claimed); f != nil && !c.Omitted {
			c.Facts = append(c.Facts, f)
		}
		sortFacts(c.Facts)
	}
	return err
}

// createTime is the fact that says when the lead was first known, if it belongs to the
// versions after one up to another; last is the last one that is asked for. It follows
// from the facts, and only ever moves to an earlier time: of those that were told, all
// of one instant, the earliest has the greatest id.
func createTime(row *pending.Row, after, to, last int64) *typev1.Fact {
	version := min(row.EarliestVersion, last)
	if row.Earliest == 0 || version <= after || version > to {
		return nil
	}
	f := &typev1.Fact{
		Id: fmt.Sprintf("%019d", math.MaxInt64-row.Earliest), Source: lead.FromLead, Lead: lead.Name(row.Lead),
		Attribute: &typev1.AttributeFact{Key: lead.CreateTime, ValueJson: createTimeJSON(row.Earliest)},
	}
	setTimes(f, version, 0, row.Earliest)
	return f
}

func createTimeJSON(micros int64) []byte {
	return canonical.Text(time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// readFacts reads the facts of persons (a) after a version (b) up to another (c).
func (s *Store) readFacts(ctx context.Context, k keys, found func(person string, f *typev1.Fact)) error {
	from, args := k.from(s.db.Dialect())
	// The texts are of few shapes and most facts are of few types and sources.
	intern := map[string]string{}
	same := func(raw sql.RawBytes) string {
		if text, ok := intern[string(raw)]; ok {
			return text
		}
		text := string(raw)
		intern[text] = text
		return text
	}
	activities, err := s.db.Read().QueryContext(ctx, `SELECT k.a, m.id, f.facts_version, f.source, f.id, f.type, f.occurred_at, f.received_at, f.campaign, f.properties, f.mark
		FROM `+from+` CROSS JOIN leads m CROSS JOIN activities f
		WHERE m.canonical_id = k.a AND f.lead_id = m.id AND f.facts_version > k.b AND f.facts_version <= k.c`, args...)
	if err != nil {
		return err
	}
	var person, member, source, kind, campaign sql.RawBytes
	var version, effective, received int64
	var mark traffic.Mark
	err = each(activities, func() error {
		fact, activity := &typev1.Fact{}, &typev1.ActivityFact{}
		err := activities.Scan(&person, &member, &version, &source, &fact.Id, &kind, &effective, &received, &campaign, &activity.PropertiesJson, &mark)
		if err != nil {
			return err
		}
		if mark.Kind() == traffic.Undone { // as if it had never been said
			return nil
		}
		activity.Type, activity.Campaign = same(kind), same(campaign)
		activity.Correction = typev1.ActivityFact_Correction(mark.Kind())
		fact.Activity, fact.Source, fact.Lead = activity, same(source), lead.Name(same(member))
		setTimes(fact, version, effective, received)
		found(same(person), fact)
		return nil
	})
	if err != nil {
		return err
	}
	attributes, err := s.db.Read().QueryContext(ctx, `SELECT k.a, m.id, f.facts_version, f.source, f.id, f.key, f.effective_at, f.received_at, f.value
		FROM `+from+` CROSS JOIN leads m CROSS JOIN attributes f
		WHERE m.canonical_id = k.a AND f.lead_id = m.id AND f.facts_version > k.b AND f.facts_version <= k.c`, args...)
	if err != nil {
		return err
	}
	return each(attributes, func() error {
		fact, attribute := &typev1.Fact{}, &typev1.AttributeFact{}
		err := attributes.Scan(&person, &member, &version, &source, &fact.Id, &kind, &effective, &received, &attribute.ValueJson)
		if err != nil {
			return err
		}
		attribute.Key = same(kind)
		fact.Attribute, fact.Source, fact.Lead = attribute, same(source), lead.Name(same(member))
		setTimes(fact, version, effective, received)
		found(same(person), fact)
		return nil
	})
}

func setTimes(f *typev1.Fact, version, effective, received int64) {
	f.FactsVersion = int32(version)
	f.EffectiveTime = timestamppb.New(time.UnixMicro(effective))
	f.ReceivedTime = timestamppb.New(time.UnixMicro(received))
}

// sortFacts orders facts by version and, within one, by time.
func sortFacts(facts []*typev1.Fact) {
	slices.SortFunc(facts, func(a, b *typev1.Fact) int {
		return cmp.Or(cmp.Compare(a.FactsVersion, b.FactsVersion),
			cmp.Compare(a.EffectiveTime.Seconds, b.EffectiveTime.Seconds), cmp.Compare(a.EffectiveTime.Nanos, b.EffectiveTime.Nanos),
			cmp.Compare(a.Source, b.Source), cmp.Compare(a.Id, b.Id))
	})
}

// chunkBytes ends a chunk of history early where facts are large.
const chunkBytes = 8 << 20

// Facts returns the history of a lead's person after a version up to another (0:
// all), in the order of versions. It ends with the last fact of a version: the first
// one with which the chunk has at least size facts or 8 MiB. more says that others
// follow; version is the last one in the chunk, complete.
func (s *Store) Facts(ctx context.Context, id string, after, to int64, size int) (facts []*typev1.Fact, version int64, more bool, err error) {
	var person string
	var last int64
	var row pending.Row
	err = s.db.Read().QueryRowContext(ctx, `SELECT l.canonical_id, p.facts_version, p.earliest_effective, p.earliest_version FROM leads l CROSS JOIN pending p
		WHERE l.id = $1 AND p.lead_id = l.canonical_id`, id).Scan(&person, &last, &row.Earliest, &row.EarliestVersion)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, false, ErrNotFound
	}
	if err != nil {
		return nil, 0, false, err
	}
	if to == 0 || to > last {
		to = last
	}
	if version, more, err = s.chunkEnd(ctx, person, after, to, size); err != nil {
		return nil, 0, false, err
	}
	err = s.readFacts(ctx, keysOf([]string{person}, []int64{after}, []int64{version}), func(_ string, f *typev1.Fact) { facts = append(facts, f) })
	row.Lead = person
	if f := createTime(&row, after, version, to); f != nil {
		facts = append(facts, f)
	}
	sortFacts(facts)
	return facts, version, more, err
}

// chunkEnd finds the version with which a chunk ends, and whether more follows.
func (s *Store) chunkEnd(ctx context.Context, person string, after, to int64, size int) (version int64, more bool, err error) {
	result, err := s.db.Read().QueryContext(ctx, `SELECT v, bytes FROM (
			SELECT f.facts_version AS v, COALESCE(length(f.properties), 0) AS bytes FROM leads m CROSS JOIN activities f
			WHERE m.canonical_id = $1 AND f.lead_id = m.id AND f.facts_version > $2 AND f.facts_version <= $3
		UNION ALL
			SELECT f.facts_version, length(f.value) FROM leads m CROSS JOIN attributes f
			WHERE m.canonical_id = $1 AND f.lead_id = m.id AND f.facts_version > $2 AND f.facts_version <= $3
		) AS facts ORDER BY v`, person, after, to)
	if err != nil {
		return 0, false, err
	}
	defer result.Close()
	facts, total := 0, int64(0)
	full := false
	for result.Next() {
		var v, bytes int64
		if err := result.Scan(&v, &bytes); err != nil {
			return 0, false, err
		}
		if full && v > version {
			return version, true, nil
		}
		version = v
		facts++
		total += bytes + overhead
		full = facts >= size || total >= chunkBytes
	}
	return to, false, result.Err()
}
