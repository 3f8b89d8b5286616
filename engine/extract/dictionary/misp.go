package dictionary

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// galaxyTypes are the types of clusters that name something else than a tag.
var galaxyTypes = map[string]string{
	"threat-actor": Adversary, "microsoft-activity-group": Adversary, "360net-threat-actor": Adversary, "intelligence-agency": Tag,
	"malpedia": Malware, "ransomware": Malware, "backdoor": Malware, "rat": Malware, "stealer": Malware, "banker": Malware, "botnet": Malware,
	"cryptominers": Malware, "android": Malware, "exploit-kit": Malware, "ml-malware": Malware,
	"tool": Tool, "tds": Tool, "rmm-tool": Tool, "branded-vulnerability": Vulnerability, "campaigns": Campaign,
}

// galaxyType is the type of the entries of a cluster.
func galaxyType(galaxy string) string {
	if t, ok := galaxyTypes[galaxy]; ok {
		return t
	}
	if !strings.HasPrefix(galaxy, "mitre-") && !strings.HasPrefix(galaxy, "disarm-") {
		return Tag
	}
	for _, end := range []struct{ suffix, kind string }{
		{"attack-pattern", AttackPattern}, {"intrusion-set", Adversary}, {"malware", Malware}, {"tool", Tool}, {"campaign", Campaign}, {"techniques", AttackPattern},
	} {
		if strings.HasSuffix(galaxy, end.suffix) {
			return end.kind
		}
	}
	return Tag
}

type mispValue struct {
	Value string `json:"value"`
	Meta  struct {
		Synonyms texts `json:"synonyms"`
		ID       texts `json:"external_id"`
		Aliases  texts `json:"aliases"`
	} `json:"meta"`
	Revoked bool `json:"revoked"`
}

// texts is a list of texts, or a single one.
type texts []string

func (t *texts) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*t = texts{""}
		return json.Unmarshal(b, &(*t)[0])
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// withID is a name with its id behind it: "PowerShell - T1059.001".
var withID = regexp.MustCompile(`^(.+?) - ([A-Z]{1,6}-?\d[\d.]*)$`)

// cluster reads one value of a cluster.
func (b *bundle) cluster(raw []byte, n int) {
	if raw == nil {
		b.problem("value %d: larger than %d MiB", n, maxObject>>20)
		return
	}
	var v mispValue
	if err := json.Unmarshal(raw, &v); err != nil {
		b.problem("value %d: %v", n, err)
		return
	}
	if v.Revoked {
		return
	}
	e := Entry{Name: v.Value, Aliases: append(v.Meta.Synonyms, v.Meta.Aliases...)}
	if m := withID.FindStringSubmatch(v.Value); m != nil {
		e.Name, e.ID = m[1], m[2]
	}
	if len(v.Meta.ID) > 0 && v.Meta.ID[0] != "" {
		e.ID = v.Meta.ID[0]
	}
	b.add(e, fmt.Sprintf("value %d", n))
}
