package dictionary

import (
	"encoding/json"
	"fmt"
	"strings"
)

// stixTypes are the objects of STIX that have names to look for.
var stixTypes = map[string]string{
	"malware": Malware, "tool": Tool, "intrusion-set": Adversary, "threat-actor": Adversary,
	"campaign": Campaign, "attack-pattern": AttackPattern, "vulnerability": Vulnerability,
}

type stixObject struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Aliases    []string        `json:"aliases"`
	Mitre      []string        `json:"x_mitre_aliases"`
	Revoked    bool            `json:"revoked"`
	Deprecated bool            `json:"x_mitre_deprecated"`
	References []stixReference `json:"external_references"`
}

type stixReference struct {
	Source string `json:"source_name"`
	ID     string `json:"external_id"`
}

// object reads one object of a bundle.
func (b *bundle) object(raw []byte, n int) {
	if raw == nil {
		b.problem("object %d: larger than %d MiB", n, maxObject>>20)
		return
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		b.problem("object %d: %v", n, err)
		return
	}
	kind, ok := stixTypes[head.Type]
	if !ok {
		return
	}
	var o stixObject
	if err := json.Unmarshal(raw, &o); err != nil {
		b.problem("object %d: %v", n, err)
		return
	}
	if o.Revoked || o.Deprecated {
		return
	}
	e := Entry{Type: kind, Name: o.Name, ID: o.id(), Aliases: append(o.Aliases, o.Mitre...)}
	if kind == Vulnerability && e.ID == "" && cve.MatchString(o.Name) {
		e.ID = strings.ToUpper(o.Name)
	}
	b.add(e, fmt.Sprintf("object %d", n))
}

// id returns the number that people know an object by.
func (o *stixObject) id() string {
	for _, source := range []string{"mitre-attack", "mitre-ics-attack", "mitre-mobile-attack", "mitre-atlas", "capec", "cve"} {
		for _, r := range o.References {
			if r.ID != "" && strings.EqualFold(r.Source, source) {
				return r.ID
			}
		}
	}
	return ""
}
