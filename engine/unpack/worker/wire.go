package worker

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/tqmailrules/tqmailrules/engine"
)

// maxFrame bounds a message between the processes. All text of a mail fits; a
// worker that an attacker has taken over cannot fill the memory of its master.
const maxFrame = 160 << 20

// hello is the first message of a worker.
type hello struct {
	Confined []string `json:"confined"` // what it cannot do: memory, files, sockets
}

// request asks for one attachment. Its bytes stand in the input file, Size of
// them.
type request struct {
	Part   wirePart      `json:"part"`
	Keys   []wireKey     `json:"keys"`
	Budget engine.Budget `json:"budget"`
}

// response is what became of it. Contents of members stand in the output file.
type response struct {
	Part    wirePart        `json:"part"`
	Defects []engine.Defect `json:"defects"`
	Budget  engine.Budget   `json:"budget"`
	Retire  bool            `json:"retire"` // the worker holds more memory than is good
}

type wireKey struct {
	Password string                 `json:"password"`
	Origin   engine.CandidateOrigin `json:"origin"`
	Mail     string                 `json:"mail"`
	Part     string                 `json:"part"`
	Span     engine.Span            `json:"span"`
}

func wireKeys(keys []engine.Candidate) []wireKey {
	out := make([]wireKey, 0, len(keys))
	for _, k := range keys {
		p, _ := k.Password.Reveal(nil)
		out = append(out, wireKey{p, k.Origin, k.Mail, k.Part, k.Span})
	}
	return out
}

func candidatesOf(keys []wireKey) []engine.Candidate {
	out := make([]engine.Candidate, 0, len(keys))
	for _, k := range keys {
		out = append(out, engine.Candidate{Password: engine.LiteralPassword(k.Password), Origin: k.Origin, Mail: k.Mail, Part: k.Part, Span: k.Span})
	}
	return out
}

// wirePart is an engine.Part whose content is a range of a shared file. Content
// and Children stand before those of Part and keep them out of the encoding.
type wirePart struct {
	engine.Part
	Content  *struct{}  `json:",omitempty"`
	Children *struct{}  `json:",omitempty"`
	Members  []wirePart `json:"members,omitempty"`
	At       int64      `json:"at"`
}

// located is a blob that stands in the output file.
type located interface{ offset() int64 }

// toWire describes what a worker made of a part.
func toWire(p *engine.Part, top bool) wirePart {
	w := wirePart{Part: *p}
	if !top {
		if l, ok := p.Content.(located); ok {
			w.At = l.offset()
		}
	}
	for _, c := range p.Children {
		w.Members = append(w.Members, toWire(c, false))
	}
	return w
}

// writeFrame sends a message behind its length.
func writeFrame(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(body) > maxFrame {
		return fmt.Errorf("message of %d bytes: %w", len(body), engine.ErrLimit)
	}
	frame := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body)))
	_, err = w.Write(append(frame, body...))
	return err
}

func readFrame(r io.Reader, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxFrame {
		return fmt.Errorf("message of %d bytes: %w", n, engine.ErrLimit)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(r, body); err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}
