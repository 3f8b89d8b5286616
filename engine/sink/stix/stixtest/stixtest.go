// Package stixtest checks bundles by the rules of STIX 2.1 and of its published JSON
// schemas, as far as they concern the types of objects that bundles of the sink are
// made of. It is written from the standard and shares no code with the sink. It is
// stricter than the standard: references lead to objects of the same bundle,
// properties that the standard does not name are refused, and identifiers of
// observables follow from their properties.
package stixtest

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // name-based identifiers
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Validate returns what is wrong with a bundle.
func Validate(data []byte) (wrong []error) {
	var b struct {
		Type    string           `json:"type"`
		ID      string           `json:"id"`
		Objects []map[string]any `json:"objects"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return []error{fmt.Errorf("bundle: %w", err)}
	}
	v := &validator{types: map[string]string{}}
	v.must(utf8.Valid(data), "the bundle is no UTF-8")
	v.must(b.Type == "bundle" && identifierForm.MatchString(b.ID) && strings.HasPrefix(b.ID, "bundle--"), "bundle: type %q, id %q", b.Type, b.ID)
	v.must(len(b.Objects) > 0, "the bundle has an empty list of objects")
	for _, o := range b.Objects {
		kind, _ := o["type"].(string)
		id, _ := o["id"].(string)
		v.must(v.types[id] == "", "two objects %s", id)
		v.types[id] = kind
	}
	for _, o := range b.Objects {
		v.object(o)
	}
	return v.wrong
}

type validator struct {
	types map[string]string // by identifier
	wrong []error
}

func (v *validator) must(ok bool, format string, args ...any) {
	if !ok {
		v.wrong = append(v.wrong, fmt.Errorf(format, args...))
	}
}

// check looks at the value of a property.
type check func(v *validator, at string, value any)

// kind is what the standard says of a type.
type kind struct {
	required     []string
	properties   map[string]check
	contributing []string // of observables: what identifies
	extra        func(v *validator, o map[string]any)
}

var (
	identifierForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]+[a-z0-9]--[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	timestampForm  = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?Z$`)
	hashForms      = map[string]*regexp.Regexp{
		"MD5": hexOf(32), "SHA-1": hexOf(40), "SHA-256": hexOf(64), "SHA-384": hexOf(96), "SHA-512": hexOf(128),
		"SSDEEP": regexp.MustCompile(`^[a-zA-Z0-9/+:.]{1,150}$`),
	}
	fieldForm = regexp.MustCompile(`^[A-Za-z0-9_-]{3,250}$`)
	mediaForm = regexp.MustCompile(`^(application|audio|font|image|message|model|multipart|text|video|x-[a-z]+|[a-z0-9]+)/[a-zA-Z0-9.+_-]+$`)
)

func hexOf(n int) *regexp.Regexp { return regexp.MustCompile(fmt.Sprintf(`^[0-9a-f]{%d}$`, n)) }

// common are the properties of domain objects and relationships.
var common = map[string]check{
	"type": text, "id": text, "spec_version": oneOf("2.1"), "created": moment, "modified": moment, "created_by_ref": ref("identity"),
	"revoked": boolean, "labels": list(text), "confidence": whole(0, 100), "external_references": list(reference),
	"object_marking_refs": list(ref("marking-definition")),
}

// shown are the properties of observables.
var shown = map[string]check{"type": text, "id": text, "spec_version": oneOf("2.1"), "object_marking_refs": list(ref("marking-definition"))}

// kinds are the types, by sections 4 to 7 of the standard.
var kinds = map[string]kind{
	"identity":         domain([]string{"name"}, map[string]check{"name": text, "description": text, "identity_class": text, "roles": list(text), "sectors": list(text)}),
	"report":           domain([]string{"name", "published", "object_refs"}, map[string]check{"name": text, "description": text, "report_types": list(text), "published": moment, "object_refs": list(ref())}),
	"note":             domain([]string{"content", "object_refs"}, map[string]check{"abstract": text, "content": text, "authors": list(text), "object_refs": list(ref())}),
	"malware":          domain([]string{"is_family"}, map[string]check{"name": text, "description": text, "malware_types": list(text), "is_family": boolean}),
	"campaign":         domain([]string{"name"}, map[string]check{"name": text, "description": text}),
	"intrusion-set":    domain([]string{"name"}, map[string]check{"name": text, "description": text}),
	"threat-actor":     domain([]string{"name"}, map[string]check{"name": text, "description": text}),
	"tool":             domain([]string{"name"}, map[string]check{"name": text, "description": text}),
	"infrastructure":   domain([]string{"name"}, map[string]check{"name": text, "description": text}),
	"course-of-action": domain([]string{"name"}, map[string]check{"name": text, "description": text}),
	"attack-pattern":   domain([]string{"name"}, map[string]check{"name": text, "description": text}),
	"vulnerability":    domain([]string{"name"}, map[string]check{"name": text, "description": text}),
	"indicator": domain([]string{"pattern", "pattern_type", "valid_from"}, map[string]check{
		"name": text, "description": text, "indicator_types": list(oneOf("anomalous-activity", "anonymization", "benign", "compromised", "malicious-activity", "attribution", "unknown")),
		"pattern": patternText, "pattern_type": oneOf("stix"), "valid_from": moment,
	}),
	"relationship": domain([]string{"relationship_type", "source_ref", "target_ref"}, map[string]check{
		"relationship_type": matching(regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)), "source_ref": ref("!relationship"), "target_ref": ref("!relationship"),
	}),
	"marking-definition": {required: []string{"spec_version", "created"}, properties: map[string]check{
		"type": text, "id": text, "spec_version": oneOf("2.1"), "created": moment, "name": text, "definition_type": oneOf("tlp"), "definition": anything, "extensions": anything,
	}, extra: published},

	"artifact":          seen([]string{"hashes", "payload_bin"}, []string{"payload_bin"}, map[string]check{"hashes": digests, "payload_bin": binary, "mime_type": media}),
	"autonomous-system": seen([]string{"number"}, []string{"number"}, map[string]check{"number": whole(0, 1<<32-1)}),
	"directory":         seen([]string{"path"}, []string{"path"}, map[string]check{"path": text}),
	"domain-name":       seen([]string{"value"}, []string{"value"}, map[string]check{"value": matching(regexp.MustCompile(`^[a-z0-9_.-]{1,253}$`))}),
	"email-addr":        seen([]string{"value"}, []string{"value"}, map[string]check{"value": matching(regexp.MustCompile(`^[^\s@]+@[^\s@]+$`))}),
	"email-message": seen(nil, []string{"is_multipart"}, map[string]check{
		"is_multipart": boolean, "date": moment, "from_ref": ref("email-addr"), "sender_ref": ref("email-addr"), "to_refs": list(ref("email-addr")),
		"cc_refs": list(ref("email-addr")), "message_id": text, "subject": text, "received_lines": list(text), "additional_header_fields": fields,
		"body": text, "body_multipart": list(part), "raw_email_ref": ref("artifact"),
	}),
	"file": seen([]string{"hashes", "name", "parent_directory_ref"}, nil, map[string]check{
		"hashes": digests, "name": text, "size": whole(0, 1<<53), "mime_type": media, "parent_directory_ref": ref("directory"), "content_ref": ref("artifact"),
	}),
	"ipv4-addr":            seen([]string{"value"}, []string{"value"}, map[string]check{"value": address(true)}),
	"ipv6-addr":            seen([]string{"value"}, []string{"value"}, map[string]check{"value": address(false)}),
	"mac-addr":             seen([]string{"value"}, []string{"value"}, map[string]check{"value": matching(regexp.MustCompile(`^([0-9a-f]{2}:){5}[0-9a-f]{2}$`))}),
	"mutex":                seen([]string{"name"}, []string{"name"}, map[string]check{"name": text}),
	"url":                  seen([]string{"value"}, []string{"value"}, map[string]check{"value": uri}),
	"windows-registry-key": seen([]string{"key"}, nil, map[string]check{"key": matching(regexp.MustCompile(`^(HKEY_|[^H]|H[^K])`))}),
}

func domain(required []string, properties map[string]check) kind {
	all := maps.Clone(common)
	maps.Copy(all, properties)
	return kind{required: append([]string{"spec_version", "created", "modified"}, required...), properties: all, extra: ordered}
}

func seen(contributing, required []string, properties map[string]check) kind {
	all := maps.Clone(shown)
	maps.Copy(all, properties)
	return kind{required: append([]string{"spec_version"}, required...), properties: all, contributing: contributing, extra: conditions}
}

func (v *validator) object(o map[string]any) {
	id, _ := o["id"].(string)
	name, _ := o["type"].(string)
	v.must(identifierForm.MatchString(id) && strings.HasPrefix(id, name+"--"), "%s: no identifier of a %s", id, name)
	k, ok := kinds[name]
	if !ok {
		v.must(false, "%s: no such type", id)
		return
	}
	for _, p := range k.required {
		_, there := o[p]
		v.must(there, "%s: %s is missing", id, p)
	}
	for _, p := range slices.Sorted(maps.Keys(o)) {
		look, ok := k.properties[p]
		if !ok {
			v.must(false, "%s: %s is no property of it", id, p)
			continue
		}
		look(v, id+": "+p, o[p])
	}
	if k.contributing != nil {
		v.identified(id, name, k.contributing, o)
	}
	if k.extra != nil {
		k.extra(v, o)
	}
}

// identified holds an observable to section 2.9. Mails are exempt.
func (v *validator) identified(id, name string, contributing []string, o map[string]any) {
	subset := map[string]any{}
	for _, p := range contributing {
		if x, ok := o[p]; ok {
			subset[p] = x
		}
	}
	v.must(len(subset) > 0, "%s: nothing identifies it", id)
	if h, ok := subset["hashes"].(map[string]any); ok {
		subset["hashes"] = identifying(h)
	}
	var encoded bytes.Buffer
	enc := json.NewEncoder(&encoded)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(subset); err != nil {
		v.must(false, "%s: %v", id, err)
	}
	text := strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(strings.TrimSuffix(encoded.String(), "\n"))
	want := name + "--" + nameBased("00abedb4-aa42-466c-9c01-fed23315a9b7", text)
	v.must(id == want, "%s: identified by %s it is %s", id, text, want)
}

func identifying(h map[string]any) map[string]any {
	for _, a := range append([]string{"MD5", "SHA-1", "SHA-256", "SHA-512"}, slices.Sorted(maps.Keys(h))...) {
		if d, ok := h[a]; ok {
			return map[string]any{a: d}
		}
	}
	return h
}

func nameBased(namespace, name string) string {
	ns, _ := hex.DecodeString(strings.ReplaceAll(namespace, "-", ""))
	sum := sha1.Sum(append(ns, name...))
	sum[6] = 0x50 | sum[6]&0xf
	sum[8] = 0x80 | sum[8]&0x3f
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// ordered: nothing changes before it is there.
func ordered(v *validator, o map[string]any) {
	created, _ := time.Parse(time.RFC3339, fmt.Sprint(o["created"]))
	modified, _ := time.Parse(time.RFC3339, fmt.Sprint(o["modified"]))
	v.must(!modified.Before(created), "%v: modified before it was created", o["id"])
	if ref, ok := o["object_refs"].([]any); ok {
		v.must(!slices.Contains(ref, o["id"]), "%v: is about itself", o["id"])
	}
}

// conditions are the rules that tie properties together.
func conditions(v *validator, o map[string]any) {
	switch o["type"] {
	case "file":
		v.must(o["hashes"] != nil || o["name"] != nil, "%v: neither hashes nor name", o["id"])
	case "email-message":
		multi, _ := o["is_multipart"].(bool)
		v.must(!multi || o["body"] == nil, "%v: a body in parts and in one", o["id"])
		v.must(multi || o["body_multipart"] == nil, "%v: parts of a body that has none", o["id"])
	}
}

// published holds markings to what is published of them.
func published(v *validator, o map[string]any) {
	marks := map[string]string{
		"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": `{"created":"2017-01-20T00:00:00.000Z","definition":{"tlp":"white"},"definition_type":"tlp","name":"TLP:WHITE"}`,
		"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": `{"created":"2017-01-20T00:00:00.000Z","definition":{"tlp":"green"},"definition_type":"tlp","name":"TLP:GREEN"}`,
		"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": `{"created":"2017-01-20T00:00:00.000Z","definition":{"tlp":"amber"},"definition_type":"tlp","name":"TLP:AMBER"}`,
		"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": `{"created":"2017-01-20T00:00:00.000Z","definition":{"tlp":"red"},"definition_type":"tlp","name":"TLP:RED"}`,
		"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": `{"created":"2022-10-01T00:00:00.000Z","extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":{"extension_type":"property-extension","tlp_2_0":"amber+strict"}},"name":"TLP:AMBER+STRICT"}`,
		"marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": `{"created":"2022-10-01T00:00:00.000Z","extensions":{"extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d":{"extension_type":"property-extension","tlp_2_0":"clear"}},"name":"TLP:CLEAR"}`,
	}
	rest := maps.Clone(o)
	delete(rest, "id")
	delete(rest, "type")
	delete(rest, "spec_version")
	got, err := json.Marshal(rest)
	v.must(err == nil && string(got) == marks[fmt.Sprint(o["id"])], "%v: is published otherwise than %s", o["id"], got)
}

func anything(*validator, string, any) {}

func text(v *validator, at string, value any) {
	s, ok := value.(string)
	v.must(ok && s != "" && utf8.ValidString(s) && !strings.ContainsRune(s, 0), "%s: %q is no text", at, s)
}

func boolean(v *validator, at string, value any) {
	_, ok := value.(bool)
	v.must(ok, "%s: %v is neither true nor false", at, value)
}

func whole(low, high int64) check {
	return func(v *validator, at string, value any) {
		n, ok := value.(json.Number)
		i, err := n.Int64()
		v.must(ok && err == nil && low <= i && i <= high, "%s: %v is no whole number from %d to %d", at, value, low, high)
	}
}

func moment(v *validator, at string, value any) {
	s, _ := value.(string)
	_, err := time.Parse(time.RFC3339, s)
	v.must(timestampForm.MatchString(s) && err == nil, "%s: %v is no time", at, value)
}

func oneOf(words ...string) check {
	return func(v *validator, at string, value any) {
		s, _ := value.(string)
		v.must(slices.Contains(words, s), "%s: %v is none of %v", at, value, words)
	}
}

func matching(form *regexp.Regexp) check {
	return func(v *validator, at string, value any) {
		s, _ := value.(string)
		v.must(form.MatchString(s), "%s: %v is not of the form %s", at, value, form)
	}
}

func list(each check) check {
	return func(v *validator, at string, value any) {
		all, ok := value.([]any)
		v.must(ok && len(all) > 0, "%s: %v is an empty list, or none", at, value)
		for _, x := range all {
			each(v, at, x)
		}
	}
}

// ref wants a reference to an object of the bundle, of one of some types when there
// are any; with an exclamation mark, of any other type.
func ref(types ...string) check {
	return func(v *validator, at string, value any) {
		id, _ := value.(string)
		kind, there := v.types[id]
		v.must(there, "%s: there is no %q in the bundle", at, id)
		v.must(kind != "marking-definition" || slices.Contains(types, kind), "%s: about a marking", at)
		if len(types) > 0 && !strings.HasPrefix(types[0], "!") {
			v.must(slices.Contains(types, kind), "%s: %s is none of %v", at, id, types)
		}
		v.must(!slices.Contains(types, "!"+kind), "%s: %s cannot stand there", at, id)
	}
}

func reference(v *validator, at string, value any) {
	o, _ := value.(map[string]any)
	text(v, at+".source_name", o["source_name"])
	v.must(o["description"] != nil || o["url"] != nil || o["external_id"] != nil, "%s: refers to nothing", at)
	if o["url"] != nil {
		uri(v, at+".url", o["url"])
	}
	if o["source_name"] == "cve" {
		matching(regexp.MustCompile(`^CVE-\d{4}-(0\d{3}|[1-9]\d{3,})$`))(v, at, o["external_id"])
	}
}

func digests(v *validator, at string, value any) {
	all, ok := value.(map[string]any)
	v.must(ok && len(all) > 0, "%s: no digests", at)
	for algorithm, d := range all {
		form, known := hashForms[algorithm]
		v.must(known, "%s: %s is no algorithm", at, algorithm)
		if known {
			matching(form)(v, at+"."+algorithm, d)
		}
	}
}

func binary(v *validator, at string, value any) {
	s, _ := value.(string)
	b, err := base64.StdEncoding.DecodeString(s)
	v.must(err == nil && len(b) > 0, "%s: no base64", at)
}

func media(v *validator, at string, value any) { matching(mediaForm)(v, at, value) }

func address(four bool) check {
	return func(v *validator, at string, value any) {
		s, _ := value.(string)
		a, err := netip.ParseAddr(s)
		if p, err2 := netip.ParsePrefix(s); err != nil && err2 == nil {
			a, err = p.Addr(), nil
		}
		v.must(err == nil && a.Is4() == four && a.Zone() == "", "%s: %q is no such address", at, s)
	}
}

var uriForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~:/?@!$&'()*+,;=\[\]-]|%[0-9A-Fa-f]{2})*(#([A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?$`)

// uri holds a value to RFC 3986.
func uri(v *validator, at string, value any) {
	s, _ := value.(string)
	u, err := url.Parse(s)
	v.must(err == nil && u.IsAbs() && uriForm.MatchString(s), "%s: %q is no URI", at, s)
	if err == nil {
		v.must(!strings.ContainsAny(u.EscapedPath()+u.RawQuery, "[]"), "%s: %q has brackets beyond its host", at, s)
	}
}

func fields(v *validator, at string, value any) {
	all, ok := value.(map[string]any)
	v.must(ok && len(all) > 0, "%s: no fields", at)
	for name, values := range all {
		v.must(fieldForm.MatchString(name), "%s: %q cannot be a key", at, name)
		list(text)(v, at+"."+name, values)
	}
}

func part(v *validator, at string, value any) {
	o, _ := value.(map[string]any)
	v.must((o["body"] == nil) != (o["body_raw_ref"] == nil), "%s: either text or a reference", at)
	for p, x := range o {
		switch p {
		case "body", "content_type", "content_disposition":
			text(v, at+"."+p, x)
		case "body_raw_ref":
			ref("artifact", "file")(v, at, x)
		default:
			v.must(false, "%s: %s is no property of a part", at, p)
		}
	}
}

// observables are the types that patterns are about.
var observables = []string{
	"autonomous-system", "directory", "domain-name", "email-addr", "email-message", "file", "ipv4-addr", "ipv6-addr", "mac-addr", "mutex",
	"network-traffic", "url", "windows-registry-key",
}

func patternText(v *validator, at string, value any) {
	s, _ := value.(string)
	tests, err := ParsePattern(s)
	v.must(err == nil, "%s: %q: %v", at, s, err)
	for _, t := range tests {
		root, _, _ := strings.Cut(t.Path, ":")
		v.must(slices.Contains(observables, root), "%s: %q is about no observable", at, s)
	}
}
