package stix

import (
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
	return worldly(kind, properties, name, "named", tlp), true
}
