package threatqsim

import (
	"maps"
	"slices"
)

// kind is a kind of object. Only the first six are plural in paths.
type kind struct {
	name     string // of the collection, as in paths
	singular string
	key      string // field of the natural key
	typed    bool   // the type belongs to the identity
	unique   bool   // the same identity is the same object
	free     bool   // types are made as they are named
	types    []string
	statuses []string
}

var kinds = kindsByName(
	&kind{name: "indicators", singular: "indicator", key: "value", typed: true, unique: true, types: indicatorTypes, statuses: indicatorStatuses},
	&kind{name: "adversaries", singular: "adversary", key: "name", unique: true},
	&kind{name: "events", singular: "event", key: "title", types: eventTypes},
	&kind{name: "attachments", singular: "attachment", key: "title", free: true, types: attachmentTypes},
	&kind{name: "signatures", singular: "signature", key: "name", typed: true, unique: true, types: signatureTypes, statuses: indicatorStatuses},
	&kind{name: "tasks", singular: "task", key: "name", statuses: []string{"To Do", "In Progress", "Review", "Done"}},
	plain("campaign"), plain("course_of_action"), plain("exploit_target"), plain("incident"), plain("ttp"),
	plain("attack_pattern"), plain("intrusion_set"), plain("malware"), plain("tool"), plain("identity"),
	plain("report"), plain("stix_pattern"), plain("vulnerability"),
)

func plain(name string) *kind {
	return &kind{name: name, singular: name, key: "value", unique: true, free: true}
}

func kindsByName(all ...*kind) map[string]*kind {
	m := map[string]*kind{}
	for _, k := range all {
		m[k.name] = k
	}
	return m
}

func kindNames() []string { return slices.Sorted(maps.Keys(kinds)) }

var indicatorTypes = []string{
	"ASN", "Binary String", "CIDR Block", "CVE", "Email Address", "Email Attachment", "Email Subject", "File Mapping", "File Path",
	"Filename", "FQDN", "Fuzzy Hash", "GOST Hash", "Hash ION", "IP Address", "IPv6 Address", "MAC Address", "MD5", "Mutex", "Password",
	"Registry Key", "Service Name", "SHA-1", "SHA-256", "SHA-384", "SHA-512", "String", "x509 Serial", "x509 Subject", "URL", "URL Path",
	"User-agent", "Username", "X-Mailer",
}

// networkTypes are of class network; all others are of class host.
var networkTypes = []string{
	"ASN", "CIDR Block", "Email Address", "Email Attachment", "Email Subject", "FQDN", "IP Address", "IPv6 Address", "MAC Address",
	"URL", "URL Path", "User-agent", "X-Mailer", "x509 Serial", "x509 Subject",
}

var indicatorStatuses = []string{"Active", "Expired", "Indirect", "Review", "Whitelisted"}

var eventTypes = []string{
	"Spearphish", "Watering Hole", "SQL Injection Attack", "DoS Attack", "Malware", "Watchlist", "Command and Control", "Anonymization",
	"Exfiltration", "Host Characteristics", "Compromised PKI Certificate", "Login Compromise", "Incident", "Sighting",
}

var attachmentTypes = []string{
	"Cuckoo", "CrowdStrike Intelligence", "Early Warning and Indicator Notice (EWIN)", "FireEye Analysis", "FBI FLASH", "Generic Text",
	"Intelligence Whitepaper", "iSight Report", "iSight ThreatScape Intelligence Report", "JIB", "MAEC", "Malware Analysis Report",
	"Malware Initial Findings Report (MFIR)", "Malware Sample", "Packet Capture", "Palo Alto Networks WildFire XML", "PCAP", "PDF",
	"Private Industry Notification (PIN)", "Spearphish Attachment", "STIX", "ThreatAnalyzer Analysis", "ThreatQ CSV File", "Whitepaper",
}

// parsableTypes can be imported.
var parsableTypes = []string{"Generic Text", "PDF", "ThreatQ CSV File"}

var signatureTypes = []string{"Bro", "Custom", "Cybox", "OpenIOC", "Regex", "Snort", "STIX Indicator Pattern", "YARA"}

// tlpNames by id from 1: the one list whose ids all public clients know.
var tlpNames = []string{"RED", "AMBER", "GREEN", "WHITE", "AMBER+STRICT", "CLEAR"}

// tlpOrder is from the most restrictive on.
var tlpOrder = []string{"RED", "AMBER+STRICT", "AMBER", "GREEN", "WHITE", "CLEAR"}

func classOf(typ string) string {
	if slices.Contains(networkTypes, typ) {
		return "network"
	}
	return "host"
}
