package threatq

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// lists are the types and statuses of the server, by name. Ids differ from one
// platform to the next, so none is ever written in code.
type lists struct {
	indicatorTypes, statuses, eventTypes, fileTypes rows

	tlps rows // empty when the server does not list them
	read time.Time
}

// maxListAge is how old lists may be when they lack a name that a batch wants.
const maxListAge = 5 * time.Minute

// rows is one list, by lower-case name.
type rows map[string]wire.Row

func (r rows) find(name string) (wire.Row, bool) {
	row, ok := r[strings.ToLower(strings.TrimSpace(name))]
	return row, ok
}

// names lists them for people.
func (r rows) names() string {
	var all []string
	for _, row := range r {
		all = append(all, row.Name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// nameOf is the name of an id, "" if there is none.
func (r rows) nameOf(id wire.Int) string {
	for _, row := range r {
		if row.ID == id {
			return row.Name
		}
	}
	return ""
}

var listPaths = []struct{ path, what string }{
	{"/indicator/types", "indicator types"},
	{"/indicator/statuses", "indicator statuses"},
	{"/event/types", "event types"},
	{"/attachments/types", "file types"},
}

// resolve reads the lists once.
func (s *Sink) resolve(ctx context.Context) error {
	if s.list != nil {
		return nil
	}
	var got [4]rows
	for i, l := range listPaths {
		err := s.persist(ctx, func(bool) (err error) {
			got[i], err = s.readList(ctx, l.path)
			return err
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", l.what, err)
		}
	}
	s.list = &lists{got[0], got[1], got[2], got[3], s.readTLPs(ctx), s.cfg.Now()}
	return ctx.Err()
}

// readTLPs is a list that not every platform has: without it, TLPs go by name.
func (s *Sink) readTLPs(ctx context.Context) rows {
	all := rows{}
	err := each(ctx, s.api, "/tlp", nil, func(r wire.Row) bool {
		all[strings.ToLower(r.Name)] = r
		return true
	})
	if err != nil {
		return nil
	}
	_, clear := all.find("CLEAR")
	_, strict := all.find("AMBER+STRICT")
	s.oldTLP = s.oldTLP || len(all) > 0 && !(clear && strict)
	return all
}

// readList fails when the list is empty: so the platform answers those who may
// not read it.
func (s *Sink) readList(ctx context.Context, path string) (rows, error) {
	all := rows{}
	err := each(ctx, s.api, path, nil, func(r wire.Row) bool {
		all[strings.ToLower(r.Name)] = r
		return true
	})
	if isKind(err, forbidden) || err == nil && len(all) == 0 {
		return nil, &fault{http.MethodGet + " " + path, closed, errors.New("the list is empty or closed: the ThreatQ user may not read it; ask for a role that can")}
	}
	return all, err
}

const (
	pageSize = 500
	maxPages = 40 // of one list that are read
)

// each calls f for every element of a list until f returns false.
func each[T any](ctx context.Context, a *api, path string, query url.Values, f func(T) bool) error {
	return pages(func(limit, offset int) (wire.Page[T], error) {
		q := url.Values{}
		for k, v := range query {
			q[k] = v
		}
		window(q, limit, offset)
		return ask[T](ctx, a, http.MethodGet, path, q, nil)
	}, f)
}

// query calls f for what a collection holds under criteria, until f returns
// false.
func (s *Sink) query(ctx context.Context, path string, criteria object, with string, f func(wire.Object) bool) error {
	body := wire.Query{Criteria: criteria, Filters: map[string]any{}}
	return pages(func(limit, offset int) (wire.Page[wire.Object], error) {
		q := url.Values{"sort": {"-created_at,id"}}
		if with != "" {
			q.Set("with", with)
		}
		window(q, limit, offset)
		return ask[wire.Object](ctx, s.api, http.MethodPost, path, q, body)
	}, f)
}

func window(q url.Values, limit, offset int) {
	q.Set("limit", strconv.Itoa(limit))
	q.Set("offset", strconv.Itoa(offset))
}

// pages reads page after page. It moves on by what it got, ends where nothing
// more comes, and asks for less where a page is longer than is read.
func pages[T any](fetch func(limit, offset int) (wire.Page[T], error), f func(T) bool) error {
	limit := pageSize
	for page, offset := 0, 0; page < maxPages; page++ {
		got, err := fetch(limit, offset)
		if isKind(err, tooLong) && limit > 1 {
			limit = max(1, limit/4)
			continue
		}
		if err != nil {
			return err
		}
		for _, one := range got.Data {
			if !f(one) {
				return nil
			}
		}
		offset += len(got.Data)
		if len(got.Data) == 0 || offset >= got.Total {
			return nil
		}
	}
	return nil
}

// filter is a query string of pairs.
func filter(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q
}

// typeOf is the name of an indicator's type, however the answer says it.
func (l *lists) typeOf(o *wire.Object) string {
	if o.Type.Name != "" {
		return o.Type.Name
	}
	if o.Type.ID != 0 {
		return l.indicatorTypes.nameOf(o.Type.ID)
	}
	return l.indicatorTypes.nameOf(o.TypeID)
}
