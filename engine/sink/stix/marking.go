package stix

import "strings"

// tlpExtension is what OASIS marks TLP 2.0 with, which came after the standard
// (cti-stix-common-objects, extension definition TLP 2.0).
const tlpExtension = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

// markings are the published objects of TLP levels: those of the standard
// (section 7.2.1.4) where it has them, so that every reader knows them, and those of
// TLP 2.0 for the levels that are new.
var markings = map[string]object{
	"RED":          tlp1("red", "5e57c739-391a-4eb3-b6be-7d15ca92d5ed"),
	"AMBER":        tlp1("amber", "f88d31f6-486f-44da-b317-01333bde0b82"),
	"GREEN":        tlp1("green", "34098fce-860f-48ae-8e50-ebd3cc5e41da"),
	"WHITE":        tlp1("white", "613f2e26-407d-48c7-9eca-b8e91df99dc9"),
	"AMBER+STRICT": tlp2("AMBER+STRICT", "amber+strict", "939a9414-2ddd-4d32-a0cd-375ea402b003"),
	"CLEAR":        tlp2("CLEAR", "clear", "94868c89-83c2-464b-929b-a1a8aa3c8487"),
}

func tlp1(level, uuid string) object {
	return object{
		"type": "marking-definition", "spec_version": "2.1", "id": "marking-definition--" + uuid, "created": "2017-01-20T00:00:00.000Z",
		"definition_type": "tlp", "name": "TLP:" + strings.ToUpper(level), "definition": object{"tlp": level},
	}
}

func tlp2(name, level, uuid string) object {
	return object{
		"type": "marking-definition", "spec_version": "2.1", "id": "marking-definition--" + uuid, "created": "2022-10-01T00:00:00.000Z",
		"name": "TLP:" + name, "extensions": object{tlpExtension: object{"extension_type": "property-extension", "tlp_2_0": level}},
	}
}
