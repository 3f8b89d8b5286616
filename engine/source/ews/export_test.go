package ews

import (
	"errors"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
)

// ReadAnswer reads an answer of at most all bytes, whose contents are cut after
// limit, and hands over the contents of messages that came whole.
func ReadAnswer(r io.Reader, all, limit int64, keep func(engine.Blob)) error {
	a := newAnswer(r, all)
	a.limit, a.spool = limit, func() engine.Spool { return engine.Spool{} }
	return a.each(func(m *element) error {
		if err := refusalOf(m); err != nil {
			return nil
		}
		if found := m.anywhere("MimeContent"); found != nil && found.content != nil && found.content.bad == nil {
			keep(found.content.spool.Blob())
		}
		_ = listed(nil, elements(m.at("RootFolder", "Items")))
		return nil
	})
}

// IsAnswerError tells whether an error is one of those that answer.each names.
func IsAnswerError(err error) bool {
	var no *refusal
	return errors.Is(err, errGarbled) || errors.Is(err, errOver) || errors.As(err, &no)
}
