package ewssim

import (
	"slices"
	"strconv"
	"strings"
)

// The versions that a request may ask for, oldest first.
var schemas = []string{
	"Exchange2007", "Exchange2007_SP1", "Exchange2010", "Exchange2010_SP1", "Exchange2010_SP2",
	"Exchange2013", "Exchange2013_SP1", "Exchange2015", "Exchange2016", "Exchange2019",
}

// schema is the place of a version in schemas; -1 of an unknown one.
func schemaOf(version string) int { return slices.Index(schemas, version) }

var schema2013SP1 = schemaOf("Exchange2013_SP1")

// release is a server that was sold.
type release struct {
	name   string // the newest version that requests may ask for
	build  string
	header string // the Version attribute of ServerVersionInfo
}

// Builds of the last update that I know of each; of Exchange2013 the first one.
var releases = []release{
	{"Exchange2010_SP2", "14.2.390.3", "Exchange2010_SP2"},
	{"Exchange2013", "15.0.775.38", "V2_8"},
	{"Exchange2013_SP1", "15.0.1497.48", "V2_23"},
	{"Exchange2016", "15.1.2507.6", "V2017_07_11"},
	{"Exchange2019", "15.2.1544.4", "V2018_01_08"},
}

func releaseOf(name string) release {
	for _, r := range releases {
		if r.name == name {
			return r
		}
	}
	return releases[3]
}

// info writes the header of every answer.
func (r release) info(x *text) {
	part := strings.Split(r.build, ".")
	x.leaf("h:ServerVersionInfo", "", "MajorVersion", part[0], "MinorVersion", part[1], "MajorBuildNumber", part[2], "MinorBuildNumber", part[3],
		"Version", r.header, "xmlns:h", nsTypes)
}

// number is the build as autodiscovery writes it: 4 bits of 7, 6 of the major and
// 6 of the minor version, a bit, and 15 of the build.
func (r release) number() string {
	part := strings.Split(r.build, ".")
	major, _ := strconv.ParseUint(part[0], 10, 6)
	minor, _ := strconv.ParseUint(part[1], 10, 6)
	build, _ := strconv.ParseUint(part[2], 10, 15)
	return strings.ToUpper(strconv.FormatUint(7<<28|major<<22|minor<<16|1<<15|build, 16))
}
