package main

import (
	"strings"

	tqx "github.com/tqmailrules/tqmailrules/wasm-extractors/sdk/go"
)

// role is what a column is for.
type role struct {
	holds      bool   // its cells are indicators
	form       string // the form of those; or, when holds is false, "type": it names the form
	confidence bool   // its cells say how sure it is
}

// names are those of the configuration, normalised; the others are in the program.
type names map[string]role

func columnNames(more tqx.JSON) names {
	own := names{}
	for _, c := range more.Items() {
		own[normalise(c.Get("name").Text(""))] = role{holds: true, form: c.Get("type").Text(anyForm)}
	}
	return own
}

// role tells what a column of a name is for, and whether the name is known.
func (own names) role(name string) (role, bool) {
	normalised := normalise(name)
	if r, ok := own[normalised]; ok {
		return r, true
	}
	return knownRole(normalised)
}

// knownRole has what columns are called in English, German, French and Spanish. It is
// a switch and no map, which each mail would have to fill anew.
func knownRole(normalised string) (role, bool) {
	switch normalised {
	case "ioc", "iocs", "indicator", "indicators", "indicatorvalue", "observable", "value", "artifact", "artefact", "c2", "cnc",
		"indikator", "indikatoren", "wert", "indicateur", "indicateurs", "valeur", "indicador", "indicadores", "valor":
		return role{holds: true, form: anyForm}, true
	case "hash", "hashes", "filehash", "checksum", "fingerprint", "prüfsumme", "hashwert", "empreinte", "condensat", "somme",
		"huella", "md5", "sha1", "sha256", "sha384", "sha512", "md5hash", "sha1hash", "sha256hash":
		return role{holds: true, form: "hash"}, true
	case "host", "hostname", "server", "hostip", "rechner", "rechnername", "hôte", "serveur", "servidor", "anfitrión", "ip", "ips",
		"ipaddress", "ipaddresses", "ipaddr", "ipv4", "ipv6", "srcip", "dstip", "sourceip", "destinationip", "ipsrc", "ipdst",
		"ipadresse", "ipadressen", "adresseip", "adressesip", "direcciónip", "direccionip", "direccionesip", "domain", "domains",
		"domainname", "fqdn", "domäne", "domaene", "domainnamen", "domaine", "domaines", "nomdedomaine", "dominio", "dominios",
		"nombrededominio":
		return role{holds: true, form: "host"}, true
	case "url", "urls", "uri", "link", "links", "phishingurl", "webadresse", "adresseweb", "lien", "enlace", "enlaces",
		"direcciónweb":
		return role{holds: true, form: "url"}, true
	case "email", "emails", "emailaddress", "mail", "sender", "from", "mailadresse", "emailadresse", "absender", "courriel",
		"adressecourriel", "adresseemail", "expéditeur", "correo", "correoelectrónico", "remitente":
		return role{holds: true, form: "email"}, true
	case "filename", "file", "attachment", "dateiname", "datei", "anhang", "fichier", "nomdufichier", "nomdefichier", "archivo",
		"fichero", "nombredearchivo":
		return role{holds: true, form: "filename"}, true
	case "cve", "cves", "vulnerability", "schwachstelle", "vulnérabilité", "vulnerabilidad":
		return role{holds: true, form: "cve"}, true
	case "cidr", "netblock", "network", "subnet", "range", "netz", "réseau", "red":
		return role{holds: true, form: "cidr"}, true
	case "type", "ioctype", "indicatortype", "kind", "category", "typ", "art", "indikatortyp", "typedindicateur", "tipo",
		"tipodeindicador", "clase":
		return role{form: "type"}, true
	case "confidence", "score", "certainty", "konfidenz", "vertrauen", "sicherheit", "confiance", "confianza", "fiabilité",
		"fiabilidad":
		return role{confidence: true}, true
	case "comment", "comments", "note", "notes", "description", "date", "firstseen", "lastseen", "source", "tags", "tag",
		"severity", "campaign", "actor", "tlp", "reference", "kommentar", "bemerkung", "beschreibung", "datum", "quelle",
		"schweregrad", "commentaire", "remarque", "sévérité", "campagne", "comentario", "observación", "descripción", "fecha",
		"fuente", "etiqueta", "campaña":
		return role{}, true
	}
	return role{}, false
}

// normalise brings the name of a column to the form of the names above: lower case,
// without what stands between words.
func normalise(name string) string {
	if len(name) > 64 {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" _-./()[]:#'’\u00a0\t", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// formOf tells which form a cell of a type column names; anyForm when it is none.
// The words are those of MISP, STIX and of people.
func formOf(word string) string {
	switch n := normalise(word); {
	case n == "domain" || strings.HasPrefix(n, "host") || n == "fqdn" || strings.HasPrefix(n, "ip") || strings.HasPrefix(n, "domain") || n == "domäne" || n == "domaine" || n == "dominio":
		return "host"
	case n == "url" || n == "uri" || n == "link":
		return "url"
	case strings.HasPrefix(n, "email") || n == "mail" || n == "courriel" || n == "correo":
		return "email"
	case strings.HasPrefix(n, "md5") || strings.HasPrefix(n, "sha") || strings.HasPrefix(n, "file:hashes") || n == "hash" || n == "filehash":
		return "hash"
	case strings.HasPrefix(n, "filename") || n == "file" || n == "datei" || n == "fichier" || n == "archivo":
		return "filename"
	case n == "cve" || n == "vulnerability":
		return "cve"
	case n == "cidr" || n == "netblock":
		return "cidr"
	}
	return anyForm
}

// confidenceOf reads a number from 0 to 100, with or without a percent sign, or a
// word. What is neither says nothing, as 0 does.
func confidenceOf(s string) int {
	switch strings.ToLower(s) {
	case "low", "niedrig", "gering", "faible", "bajo", "baja":
		return 30
	case "medium", "moderate", "mittel", "moyen", "moyenne", "medio", "media":
		return 60
	case "high", "hoch", "élevé", "élevée", "alto", "alta":
		return 90
	}
	percent, ok := small(strings.TrimSpace(strings.TrimSuffix(s, "%")), 3)
	if !ok || percent > 100 {
		return 0
	}
	return percent
}
