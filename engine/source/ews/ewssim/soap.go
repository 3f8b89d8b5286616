package ewssim

import (
	"errors"
	"net/http"
)

// operation is what a request may ask for.
type operation struct {
	// do answers with one result for each thing that was asked for. An error
	// refuses the request as a whole. The lock of the server is held.
	do    func(*Server, *call) ([]result, error)
	empty string // what stands in a response message of an error: "m:Items"
	since string // version
}

// operations by the name of their element.
var operations = map[string]operation{
	"GetFolder":            {do: (*Server).getFolder, empty: "m:Folders"},
	"FindFolder":           {do: (*Server).findFolder},
	"CreateFolder":         {do: (*Server).createFolder, empty: "m:Folders"},
	"DeleteFolder":         {do: (*Server).deleteFolder},
	"SyncFolderHierarchy":  {do: (*Server).syncFolders},
	"FindItem":             {do: (*Server).findItem},
	"GetItem":              {do: (*Server).getItem, empty: "m:Items"},
	"CreateItem":           {do: (*Server).createItem, empty: "m:Items"},
	"UpdateItem":           {do: (*Server).updateItem, empty: "m:Items"},
	"MoveItem":             {do: (*Server).moveItem, empty: "m:Items"},
	"CopyItem":             {do: (*Server).copyItem, empty: "m:Items"},
	"DeleteItem":           {do: (*Server).deleteItem},
	"SyncFolderItems":      {do: (*Server).syncItems},
	"GetAttachment":        {do: (*Server).getAttachment, empty: "m:Attachments"},
	"ConvertId":            {do: (*Server).convertID},
	"ResolveNames":         {do: (*Server).resolveNames},
	"GetUserConfiguration": {do: (*Server).getConfiguration, since: "Exchange2010"},
	"GetServerTimeZones":   {do: (*Server).getTimeZones, since: "Exchange2010"},
}

// result is a response message.
type result struct {
	err     error
	warning bool   // err is one
	inner   []byte // its content
}

// do runs an operation and writes its answer.
func (s *Server) do(c *call) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	op, ok := operations[c.op]
	if !ok {
		return soapFault(fail("ErrorInvalidRequest"))
	}
	if err := s.since(c, c.body, schemaOf(op.since)); op.since != "" && err != nil {
		return soapFault(err)
	}
	if c.hit != nil && c.hit.wholly() {
		return s.envelope(c, op, c.refused())
	}
	results, err := op.do(s, c)
	if err != nil {
		return soapFault(err)
	}
	if c.hit != nil {
		c.hit.alter(results)
	}
	return s.envelope(c, op, results)
}

// since refuses what a request of an older schema must not have. Exchange tells
// whether a newer one that it knows would have it.
func (s *Server) since(c *call, n *node, schema int) error {
	switch {
	case c.schema >= schema:
		return nil
	case schemaOf(s.version.name) >= schema:
		return fail("ErrorIncorrectSchemaVersion")
	}
	return invalid(n, "The element or attribute is not of the schema of "+schemas[c.schema]+".")
}

func (s *Server) envelope(c *call, op operation, results []result) answer {
	x := s.head()
	x.begin("m:"+c.op+"Response", "xmlns:m", nsMessages, "xmlns:t", nsTypes)
	x.begin("m:ResponseMessages")
	for _, r := range results {
		r.write(x, c.op, op.empty)
	}
	return x.finish()
}

// text is for a part of an answer.
func (s *Server) text() *text { return &text{controls: s.cfg.Controls} }

// head begins an answer.
func (s *Server) head() *text {
	x := s.text()
	x.WriteString(`<?xml version="1.0" encoding="utf-8"?>`)
	x.begin("s:Envelope", "xmlns:s", nsSOAP)
	x.begin("s:Header")
	s.version.info(x)
	x.end()
	x.begin("s:Body")
	return x
}

// finish closes what is open.
func (x *text) finish() answer {
	for len(x.open) > 0 {
		x.end()
	}
	return answer{code: http.StatusOK, kind: "text/xml; charset=utf-8", body: x.Bytes()}
}

func (r result) write(x *text, op, empty string) {
	class := "Success"
	switch {
	case r.warning:
		class = "Warning"
	case r.err != nil:
		class = "Error"
	}
	x.begin("m:"+op+"ResponseMessage", "ResponseClass", class)
	if r.err != nil {
		asFailure(r.err).message(x)
	} else {
		x.leaf("m:ResponseCode", "NoError")
	}
	switch {
	case r.inner != nil && (r.err == nil || r.warning):
		x.Write(r.inner)
	case empty != "":
		x.leaf(empty, "")
	}
	x.end()
}

// asFailure is the failure that an error is; one without a code for none.
func asFailure(err error) *failure {
	if err == nil {
		return &failure{}
	}
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return fail("ErrorInternalServerError")
}

func soapFault(err error) answer {
	return answer{code: http.StatusInternalServerError, kind: "text/xml; charset=utf-8", body: asFailure(err).fault()}
}
