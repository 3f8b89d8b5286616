package stix

import (
	"regexp"
	"strings"

	"github.com/tqmailrules/tqmailrules/engine"
)

// laidDown is the date of everything that is the same in every bundle: when this
// form of them was laid down.
const laidDown = "2026-01-01T00:00:00.000Z"

// worldly is an object that is the same in every bundle.
func worldly(kind string, properties object, key ...string) object {
	o := object{
		"type": kind, "spec_version": "2.1", "id": identifier(kind, ours, append([]string{kind}, key...)...),
		"created": laidDown, "modified": laidDown,
	}
	for k, v := range properties {
		o[k] = v
	}
	return o
}

// publicObject is something that the world has a number for.
func publicObject(kind, name string, reference object) object {
	return worldly(kind, object{"name": name, "external_references": []object{reference}}, name)
}

// identity is who says something: the source of a record.
func identity(name string) object {
	return worldly("identity", object{"name": name, "identity_class": "system"}, name)
}

// kinds are the types of objects that rules and configurations name, and what they
// are here. An adversary is a set of intrusions: who is behind it, a mail does not
// tell.
var kinds = map[string]string{
	"adversary": "intrusion-set", "intrusion set": "intrusion-set", "threat actor": "threat-actor", "malware": "malware", "campaign": "campaign",
	"attack pattern": "attack-pattern", "tool": "tool", "vulnerability": "vulnerability", "identity": "identity",
	"infrastructure": "infrastructure", "course of action": "course-of-action",
}

// sourceOf is who gave an identifier (STIX 2.1, 2.5.2 and the vocabularies of ATT&CK);
// "" when that cannot be told.
func sourceOf(id string) string {
	switch {
	case strings.HasPrefix(id, "CVE-"):
		return "cve"
	case strings.HasPrefix(id, "CAPEC-"):
		return "capec"
	case strings.HasPrefix(id, "CWE-"):
		return "cwe"
	case attackID.MatchString(id):
		return "mitre-attack"
	}
	return ""
}

var attackID = regexp.MustCompile(`^(T|TA|S|G|C|M)[0-9]{4}(\.[0-9]{3})?$`)

// named makes the object of a record. The level of TLP is part of its identity: a
// name under RED and the same name under GREEN are marked differently, and two
// objects must not differ under one identifier. It is false for types that the
// standard has no word for.
func named(r *engine.ObjectRecord, tlp string) (object, bool) {
	kind, ok := kinds[strings.ToLower(strings.NewReplacer("_", " ", "-", " ").Replace(r.Type))]
	name := clean(r.Name)
	if !ok || name == "" {
		return nil, false
	}
	properties := object{"name": name}
	switch kind {
	case "malware":
		properties["is_family"] = true // rules name families; a sample is a file
	case "identity":
		properties["identity_class"] = "unknown"
	}
	if source := sourceOf(r.ID); source != "" {
		properties["external_references"] = []object{{"source_name": source, "external_id": r.ID}}
	}
	key := []string{name, "named", tlp}
	if r.ID != "" { // what has a number differs from what has none
		key = append(key, r.ID)
	}
	return worldly(kind, properties, key...), true
}
