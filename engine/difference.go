package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
)

// Union is one batch of what several batches of one mail and one sink hold. The
// record of a later batch takes the place of an earlier one; attributes and tags
// are those of all.
func Union(batches ...Batch) (u Batch) {
	for _, b := range batches {
		u.Key, u.Sink, u.Origin = b.Key, b.Sink, b.Origin
		u.Events = unite(u.Events, b.Events, EventRecord.key, EventRecord.with)
		u.Files = unite(u.Files, b.Files, FileRecord.key, FileRecord.with)
		u.Indicators = unite(u.Indicators, b.Indicators, IndicatorRecord.key, IndicatorRecord.with)
		u.Objects = unite(u.Objects, b.Objects, ObjectRecord.key, func(o, _ ObjectRecord) ObjectRecord { return o })
		u.Relations = append(u.Relations, b.Relations...)
		u.Matches = b.Matches
	}
	slices.SortFunc(u.Relations, compareRelations)
	u.Relations = slices.Compact(u.Relations)
	return u
}

func unite[R any](all, more []R, key func(R) string, with func(later, earlier R) R) []R {
	all = slices.Clone(all)
	for _, r := range more {
		i := slices.IndexFunc(all, func(o R) bool { return key(o) == key(r) })
		if i < 0 {
			all = append(all, r)
		} else {
			all[i] = with(r, all[i])
		}
	}
	slices.SortFunc(all, func(a, b R) int { return cmp.Compare(key(a), key(b)) })
	return all
}

func (e EventRecord) key() string     { return e.Key }
func (f FileRecord) key() string      { return f.Key }
func (i IndicatorRecord) key() string { return i.Key }
func (o ObjectRecord) key() string    { return o.Key }

func (e EventRecord) with(earlier EventRecord) EventRecord {
	e.Attributes = sortAttributes(slices.Concat(earlier.Attributes, e.Attributes))
	e.Tags = sortedSet(slices.Concat(earlier.Tags, e.Tags))
	return e
}

func (f FileRecord) with(earlier FileRecord) FileRecord {
	f.Attributes = sortAttributes(slices.Concat(earlier.Attributes, f.Attributes))
	f.Tags = sortedSet(slices.Concat(earlier.Tags, f.Tags))
	return f
}

func (i IndicatorRecord) with(earlier IndicatorRecord) IndicatorRecord {
	i.Attributes = sortAttributes(slices.Concat(earlier.Attributes, i.Attributes))
	i.Tags = sortedSet(slices.Concat(earlier.Tags, i.Tags))
	return i
}

// Difference tells what a mail would ship beyond what it has shipped: records
// that are new or say something else, new relations, and the records that these
// hang on. The result has no record when there is nothing.
func Difference(now, before Batch) Batch {
	add := Batch{Key: now.Key, Sink: now.Sink, Origin: now.Origin, Matches: now.Matches, Defects: now.Defects}
	for _, r := range now.Relations {
		if !slices.Contains(before.Relations, r) {
			add.Relations = append(add.Relations, r)
		}
	}
	needed := map[Ref]bool{}
	for _, r := range add.Relations {
		needed[r.From], needed[r.To] = true, true
	}
	add.Events = beyond("event", now.Events, before.Events, EventRecord.key, needed)
	add.Files = beyond("file", now.Files, before.Files, FileRecord.key, needed)
	add.Indicators = beyond("indicator", now.Indicators, before.Indicators, IndicatorRecord.key, needed)
	add.Objects = beyond("object", now.Objects, before.Objects, ObjectRecord.key, needed)
	return add
}

// Empty tells whether a batch ships nothing.
func (b Batch) Empty() bool {
	return len(b.Events)+len(b.Files)+len(b.Indicators)+len(b.Objects)+len(b.Relations) == 0
}

// beyond lists the records that are needed, or that nobody has said like that.
func beyond[R any](kind string, now, before []R, key func(R) string, needed map[Ref]bool) (all []R) {
	for _, r := range now {
		i := slices.IndexFunc(before, func(o R) bool { return key(o) == key(r) })
		if needed[Ref{kind, key(r)}] || i < 0 || !alike(before[i], r) {
			all = append(all, r)
		}
	}
	return all
}

// alike compares what records say, not their contents, which their keys stand for.
func alike(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// Missing lists, in words, what was shipped and would not be any more.
func Missing(before, now Batch) (all []string) {
	all = append(all, gone(before.Events, now.Events, EventRecord.key, func(e EventRecord) string { return "event " + e.Title })...)
	all = append(all, gone(before.Files, now.Files, FileRecord.key, func(f FileRecord) string { return "file " + f.Name })...)
	all = append(all, gone(before.Indicators, now.Indicators, IndicatorRecord.key, func(i IndicatorRecord) string { return i.Type + " " + i.Value })...)
	all = append(all, gone(before.Objects, now.Objects, ObjectRecord.key, func(o ObjectRecord) string { return o.Type + " " + o.Name })...)
	for _, e := range before.Events {
		i := slices.IndexFunc(now.Events, func(o EventRecord) bool { return o.Key == e.Key })
		if i >= 0 {
			all = append(all, gone(e.Attributes, now.Events[i].Attributes, AttributeRecord.key, func(a AttributeRecord) string { return "attribute " + a.Name + " of event " + e.Title })...)
			all = append(all, gone(e.Tags, now.Events[i].Tags, itself, func(t string) string { return "tag " + t + " of event " + e.Title })...)
		}
	}
	return all
}

func (a AttributeRecord) key() string { return a.Name + "\x1f" + a.Value }

func itself(s string) string { return s }

func gone[R any](before, now []R, key func(R) string, words func(R) string) (all []string) {
	for _, r := range before {
		if !slices.ContainsFunc(now, func(o R) bool { return key(o) == key(r) }) {
			all = append(all, words(r))
		}
	}
	return all
}

// Common is what of a batch that was shipped would still be shipped.
func Common(before, now Batch) Batch {
	b := before
	b.Events = both(before.Events, now.Events, EventRecord.key)
	for i := range b.Events {
		e := &b.Events[i]
		n := now.Events[slices.IndexFunc(now.Events, func(o EventRecord) bool { return o.Key == e.Key })]
		e.Attributes, e.Tags = both(e.Attributes, n.Attributes, AttributeRecord.key), both(e.Tags, n.Tags, itself)
	}
	b.Files = both(before.Files, now.Files, FileRecord.key)
	b.Indicators = both(before.Indicators, now.Indicators, IndicatorRecord.key)
	b.Objects = both(before.Objects, now.Objects, ObjectRecord.key)
	b.Relations = slices.DeleteFunc(slices.Clone(before.Relations), func(r Relation) bool { return !slices.Contains(now.Relations, r) })
	return b
}

func both[R any](before, now []R, key func(R) string) (all []R) {
	for _, r := range before {
		if slices.ContainsFunc(now, func(o R) bool { return key(o) == key(r) }) {
			all = append(all, r)
		}
	}
	return all
}
