package wasm

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/wasm/internal/schema"
)

// Section is the name of the custom section that holds a packed description.
const Section = "tqx.describe"

// Version of the ABI that this host speaks.
const Version = "tqx1"

// Description is what a module says of itself, by ABI.md.
type Description struct {
	Name    string          `json:"name"`
	Version string          `json:"version"`
	ABI     string          `json:"abi"`
	Types   []string        `json:"types"`
	Wants   []Want          `json:"wants"`
	Summary string          `json:"summary,omitempty"`
	Config  json.RawMessage `json:"config,omitempty"`
	Input   string          `json:"input,omitempty"`
	License string          `json:"license,omitempty"`
	Author  string          `json:"author,omitempty"`

	schema *schema.Schema
}

// Want is a kind of part that a module wants to see.
type Want struct {
	Kind     string   `json:"kind"`
	MIME     []string `json:"mime,omitempty"`
	Name     []string `json:"name,omitempty"`
	MaxBytes int64    `json:"max_bytes,omitempty"` // 0 means 16 MiB
}

const (
	maxDescription = 64 << 10 // bytes
	maxTypes       = 64
	maxWants       = 32
	maxPatterns    = 32  // of one entry, each of mime and name
	maxPattern     = 256 // bytes: a name is compared with it at each of its places
	maxWantBytes   = 512 * mib
)

// partKinds are the kinds of ABI.md.
var partKinds = []string{"text", "html", "page", "subject", "header", "name", "attachment", "raw"}

var (
	moduleName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	ownType    = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,31}$`)
	semver     = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
)

// ParseDescription reads and checks a description. Every mistake is told, one to
// a line.
func ParseDescription(data []byte) (*Description, error) {
	if len(data) > maxDescription {
		return nil, fmt.Errorf("%d bytes; %d are allowed", len(data), maxDescription)
	}
	var d Description
	if err := decodeStrictly(data, descriptionShape, &d); err != nil {
		return nil, err
	}
	if err := errors.Join(d.problems()...); err != nil {
		return nil, err
	}
	return &d, nil
}

func (d *Description) problems() (all []error) {
	add := func(bad bool, format string, args ...any) {
		if bad {
			all = append(all, fmt.Errorf(format, args...))
		}
	}
	add(!moduleName.MatchString(d.Name), "name %q is not lower-case letters, digits and dashes, 40 at most", d.Name)
	add(!semver.MatchString(d.Version), "version %q is not MAJOR.MINOR.PATCH", d.Version)
	add(d.ABI != Version, "abi %q is not %s", d.ABI, Version)
	add(len(d.Types) == 0 || len(d.Types) > maxTypes, "%d types; 1 to %d are needed", len(d.Types), maxTypes)
	for _, t := range d.Types {
		_, known := engine.RuleType(t)
		add(!known && !ownType.MatchString(t), "type %q is neither known nor a name of lower-case letters, digits, dots, dashes and underscores", t)
	}
	add(len(d.Wants) == 0 || len(d.Wants) > maxWants, "%d entries in wants; 1 to %d are needed", len(d.Wants), maxWants)
	for i, w := range d.Wants {
		if err := w.check(); err != nil {
			all = append(all, fmt.Errorf("wants[%d]: %w", i, err))
		}
	}
	add(d.Input != "" && d.Input != "frame" && d.Input != "json", "input %q is neither frame nor json", d.Input)
	for _, line := range []struct{ key, text string }{{"summary", d.Summary}, {"license", d.License}, {"author", d.Author}} {
		add(len(line.text) > maxText || strings.ContainsFunc(line.text, unicode.IsControl), "%s is longer than %d bytes or holds a control character", line.key, maxText)
	}
	if len(d.Config) > 0 {
		var err error
		d.schema, err = schema.Parse(d.Config)
		add(err != nil, "config: %v", err)
	}
	return all
}

func (w Want) check() error {
	if !slices.Contains(partKinds, w.Kind) {
		return fmt.Errorf("kind %q is none of %s", w.Kind, strings.Join(partKinds, ", "))
	}
	if w.MaxBytes < 0 || w.MaxBytes > maxWantBytes {
		return fmt.Errorf("max_bytes is %d; 1 to %d is allowed", w.MaxBytes, maxWantBytes)
	}
	if len(w.MIME) > maxPatterns || len(w.Name) > maxPatterns {
		return fmt.Errorf("more than %d patterns", maxPatterns)
	}
	for _, p := range append(slices.Clone(w.MIME), w.Name...) {
		if len(p) > maxPattern {
			return fmt.Errorf("a pattern of %d bytes; %d are allowed", len(p), maxPattern)
		}
		if _, err := path.Match(p, ""); err != nil || p == "" || strings.ContainsAny(p, `[]\`) {
			return fmt.Errorf("pattern %q: only * and ? are special, and [, ] and \\ are not allowed", p)
		}
	}
	return nil
}

// wants tells whether some entry matches a part, as that kind, and how many of its
// bytes are wanted at most.
func (d *Description) wants(kind string, part engine.PartInfo) (bytes int64, ok bool) {
	for _, w := range d.Wants {
		if w.Kind == kind && fits(w.MIME, part.MIME) && fits(w.Name, part.Name) {
			most := w.MaxBytes
			if most == 0 {
				most = partBytes
			}
			bytes, ok = max(bytes, most), true
		}
	}
	return bytes, ok
}

// fits tells whether a pattern matches; no patterns match everything. A slash is a
// character like any other.
func fits(patterns []string, s string) bool {
	if len(patterns) == 0 {
		return true
	}
	s = strings.ReplaceAll(strings.ToLower(s), "/", "\x00")
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(strings.ReplaceAll(strings.ToLower(p), "/", "\x00"), s)
		return ok
	})
}

// kindsOf lists what a part of the engine is handed over as. A page is both its
// source and its text.
func kindsOf(kind string) []string {
	if kind == "html" {
		return []string{"html", "page"}
	}
	return []string{kind}
}

// configuration checks a configuration and fills in defaults, by key.
func (d *Description) configuration(config json.RawMessage) (map[string]json.RawMessage, error) {
	values := map[string]json.RawMessage{}
	if len(config) > 0 {
		if err := decodeStrictly(config, nil, &values); err != nil {
			return nil, err
		}
	}
	if d.schema == nil {
		if len(values) > 0 {
			return nil, fmt.Errorf("the module takes none")
		}
		return values, nil
	}
	return d.schema.Apply(values)
}

// merged lays a rule's configuration over the one that the module was loaded with,
// key by key.
func (x *Extractor) merged(config json.RawMessage) (map[string]json.RawMessage, error) {
	if len(config) == 0 {
		return x.config, nil
	}
	over := map[string]json.RawMessage{}
	if err := decodeStrictly(config, nil, &over); err != nil {
		return nil, err
	}
	all := maps.Clone(x.config)
	maps.Copy(all, over)
	whole, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	return x.desc.configuration(whole)
}
