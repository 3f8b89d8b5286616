package threatq

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// imports tells whether the server is to parse the source of an event.
func (p *shipment) imports(e *eventPlan) bool {
	return !e.refusedParse && p.cfg.ParseServer != nil && e.raw != "" && p.cfg.ParseServer(*e.rec)
}

// importEvent has the server parse the source of a spearphish itself, in the five
// calls of its importer: stage, set, look, correct, commit. What the parser finds
// is its own matter; our files and indicators are tied to the event besides.
//
// The description carries our key until the attributes are there. So an event
// whose commit was not answered is found as any other, and a commit is repeated
// only where the session is still open and no event has the key.
func (p *shipment) importEvent(ctx context.Context, e *eventPlan, again bool) error {
	have, err := p.findEvent(ctx, e, again)
	if err != nil {
		return err
	}
	if have == nil {
		have, err = p.runImport(ctx, e)
		if isKind(err, refused, unsupported, tooLarge, doubted) {
			p.refuse(engine.Ref{Kind: "parsing by the server", Key: e.rec.Message.SHA256}, cause(err).Error())
			e.refusedParse = true
			return p.shipEvent(ctx, e, true)
		}
		if err != nil {
			return err
		}
	}
	have.Spearphish = &struct {
		Value string `json:"value"`
	}{e.raw} // the importer has put it there
	return p.completeEvent(ctx, e, have)
}

// keyed is an event as the importer gets it: with our key at the end of the
// description.
func (p *shipment) keyed(e *eventPlan) wire.Object {
	end := "\n\n" + keyLine(e.rec.Key)
	text, _ := tidy(e.want.Description, p.cfg.DescriptionCap-len(end))
	return wire.Object{
		Type: e.want.Type, TypeID: e.want.TypeID, Title: e.want.Title, Description: strings.TrimSpace(text + end),
		HappenedAt: e.want.HappenedAt, Text: e.raw, Sources: e.want.Sources,
	}
}

// runImport stages the mail, or goes on with a session that is still open, and
// commits.
func (p *shipment) runImport(ctx context.Context, e *eventPlan) (*eventObject, error) {
	session, staged, err := p.openSession(ctx, e)
	if err != nil {
		return nil, err
	}
	path := "/events/import/" + strconv.FormatInt(session, 10)
	correct := wire.Object{Title: e.want.Title, HappenedAt: e.want.HappenedAt, Description: p.keyed(e).Description}
	if _, err := ask[wire.Object](ctx, p.api, http.MethodPut, fmt.Sprintf("%s/events/%d", path, staged), nil, correct); err != nil {
		return nil, err
	}
	got, err := perform[wire.Session](ctx, p.api, &call{method: http.MethodGet, path: path + "/commit", mutates: true})
	if err != nil {
		return nil, notMissing(err)
	}
	// The id of the answer is that of the session; the event stands inside.
	if len(got.Data) == 0 || len(got.Data[0].Events) == 0 || got.Data[0].Events[0].ID <= 0 {
		return nil, &fault{"GET " + path + "/commit", passing, errors.New("the answer names no event")}
	}
	id := int64(got.Data[0].Events[0].ID)
	p.shipped(e.ref, id)
	if err := p.noteID(ctx, noteEvent, e.rec.Key, id); err != nil {
		return nil, err
	}
	p.fresh[e.ref] = true
	return p.readEvent(ctx, id)
}

// openSession is a session that holds the mail, and its staged event.
func (p *shipment) openSession(ctx context.Context, e *eventPlan) (session, staged int64, err error) {
	if session, err = p.recallID(ctx, noteImport, e.rec.Key); err != nil {
		return 0, 0, err
	}
	if session != 0 {
		if staged, err = p.stagedEvent(ctx, session); staged != 0 || err != nil && !isKind(err, missing, refused) {
			return session, staged, err
		}
	}
	got, err := made(ask[wire.Object](ctx, p.api, http.MethodPost, "/events/import", nil, p.keyed(e)))
	if err != nil {
		return 0, 0, notMissing(err)
	}
	session = int64(got.ID)
	if err := p.noteID(ctx, noteImport, e.rec.Key, session); err != nil {
		return 0, 0, err
	}
	if err := p.setSession(ctx, session); err != nil {
		return 0, 0, notMissing(err)
	}
	if staged, err = p.stagedEvent(ctx, session); err == nil && staged == 0 {
		err = &fault{"GET /events/import", refused, errors.New("the server found no event in the mail")}
	}
	return session, staged, notMissing(err)
}

// setSession says what status the indicators get that the parser finds, and ties
// them to the files of the mail.
func (p *shipment) setSession(ctx context.Context, session int64) error {
	options := wire.SessionOptions{}
	if row, ok := p.list.statuses.find(p.cfg.Status); ok {
		options.IndicatorStatusID = row.ID
	} else if row, ok := p.list.statuses.find("Review"); ok {
		options.IndicatorStatusID = row.ID
	}
	path := "/events/import/" + strconv.FormatInt(session, 10)
	_, err := ask[wire.Session](ctx, p.api, http.MethodPut, path, url.Values{"with": {"attachments,events"}}, options)
	return err
}

// stagedEvent is the row that stands for the event while a session is open; 0
// when there is none, or the session is over.
func (p *shipment) stagedEvent(ctx context.Context, session int64) (int64, error) {
	path := "/events/import/" + strconv.FormatInt(session, 10)
	got, err := ask[wire.Session](ctx, p.api, http.MethodGet, path, url.Values{"with": {"attachments,events"}}, nil)
	if err != nil || len(got.Data) == 0 || len(got.Data[0].Events) == 0 {
		return 0, err
	}
	return int64(got.Data[0].Events[0].ID), nil
}

// notMissing keeps the 404 of a session that is over from looking like that of a
// remembered object: the step is repeated, and finds what the session became.
func notMissing(err error) error {
	if isKind(err, missing) {
		return &fault{"import", passing, cause(err)}
	}
	return err
}
