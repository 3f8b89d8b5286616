package threatqsim

import "net/http"

const (
	get  = http.MethodGet
	post = http.MethodPost
	put  = http.MethodPut
	del  = http.MethodDelete
)

// routes in the order of matching: what is spelt out before what fits many.
var routes = []route{
	{method: post, pattern: "/token", class: login, open: true, do: (*Server).postToken},

	{method: get, pattern: "/indicator/types", class: lookup, do: (*Server).getList},
	{method: get, pattern: "/indicator/types/{id}", class: lookup, do: (*Server).getListRow},
	{method: get, pattern: "/indicator/statuses", class: lookup, do: (*Server).getList},
	{method: get, pattern: "/indicator/statuses/{id}", class: lookup, do: (*Server).getListRow},
	{method: get, pattern: "/event/types", class: lookup, do: (*Server).getList},
	{method: get, pattern: "/event/types/{id}", class: lookup, do: (*Server).getListRow},
	{method: post, pattern: "/event/types", do: (*Server).postListRow},
	{method: get, pattern: "/attachments/types", class: lookup, do: (*Server).getList},
	{method: get, pattern: "/attachments/types/{id}", class: lookup, do: (*Server).getListRow},
	{method: get, pattern: "/signature/types", class: lookup, do: (*Server).getList},
	{method: get, pattern: "/signature/types/{id}", class: lookup, do: (*Server).getListRow},

	{method: get, pattern: "/objects", class: lookup, do: (*Server).getKinds},
	{method: get, pattern: "/tlp", class: lookup, do: (*Server).getTLPs},
	{method: get, pattern: "/users/current", class: lookup, do: (*Server).currentUser},
	{method: get, pattern: "/users", class: lookup, do: (*Server).getUsers},
	{method: get, pattern: "/configuration/proxy", class: lookup, do: (*Server).getProxy},
	{method: get, pattern: "/plugins", class: lookup, do: nothing},
	{method: get, pattern: "/connectors", class: lookup, do: (*Server).getConnectors},
	{method: get, pattern: "/connectors/{id}", class: lookup, do: (*Server).getConnector},
	{method: post, pattern: "/connectors", do: (*Server).postConnector},
	{method: put, pattern: "/connectors/{id}", do: (*Server).putConnector},

	{method: get, pattern: "/tags", do: (*Server).getTags},
	{method: get, pattern: "/sources", do: (*Server).getSourceNames},
	{method: get, pattern: "/search", do: (*Server).getSearch},
	{method: post, pattern: "/search/advanced", read: true, do: (*Server).postSearch},
	{method: post, pattern: "/bulk/status", do: (*Server).bulkStatus},
	{method: post, pattern: "/indicators/bulk-delete", do: (*Server).bulkDelete},
	{method: get, pattern: "/indicator/{id}/scores", do: (*Server).getScore},
	{method: put, pattern: "/indicator/{id}/scores", do: (*Server).putScore},
	{method: post, pattern: "/signatures/import", read: true, do: (*Server).importSignatures},
	{method: post, pattern: "/adversaries/{id}/description", do: (*Server).postDescription},
	{method: get, pattern: "/adversaries/{id}/description", do: getParts(descriptionOf)},

	{method: post, pattern: "/events/import", do: (*Server).postSpearphishImport},
	{method: put, pattern: "/events/import/{impid}", do: (*Server).putSpearphishImport},
	{method: get, pattern: "/events/import/{impid}", do: (*Server).getSpearphishImport},
	{method: del, pattern: "/events/import/{impid}", do: (*Server).deleteSpearphishImport},
	{method: put, pattern: "/events/import/{impid}/events/{id}", do: (*Server).putStagedEvent},
	{method: get, pattern: "/events/import/{impid}/commit", commit: true, do: (*Server).commitSpearphishImport},
	{method: post, pattern: "/events/{id}/spearphish", do: (*Server).postSpearphish},
	{method: get, pattern: "/events/{id}/spearphish", do: (*Server).getSpearphish},

	{method: post, pattern: "/imports", do: (*Server).postImport},
	{method: get, pattern: "/imports/{id}", do: (*Server).getImport},
	{method: put, pattern: "/imports/{id}", do: (*Server).putImport},
	{method: del, pattern: "/imports/{id}", do: (*Server).deleteImport},
	{method: get, pattern: "/imports/{id}/indicators", do: (*Server).getImportIndicators},
	{method: get, pattern: "/imports/{id}/commit", commit: true, do: (*Server).commitImport},

	{method: post, pattern: "/indicators", do: (*Server).postIndicators},
	{method: post, pattern: "/indicators/consume", do: (*Server).consume},
	{method: post, pattern: "/indicators/consume/new", do: (*Server).consume},

	{method: post, pattern: "/attachments/upload", do: (*Server).upload},
	{method: post, pattern: "/attachments", do: (*Server).postAttachment},

	{method: get, pattern: "/attachments/{id}/download", do: (*Server).download},

	{method: post, pattern: "/{coll}/query", read: true, do: (*Server).query},
	{method: post, pattern: "/{coll}/consume", do: (*Server).consume},
	{method: get, pattern: "/{coll}", do: (*Server).getObjects},
	{method: post, pattern: "/{coll}", do: (*Server).postObject},
	{method: get, pattern: "/{coll}/{id}", do: (*Server).getObject},
	{method: put, pattern: "/{coll}/{id}", do: (*Server).putObject},
	{method: del, pattern: "/{coll}/{id}", do: (*Server).deleteObject},

	{method: post, pattern: "/{coll}/{id}/attributes", do: (*Server).postAttributes},
	{method: get, pattern: "/{coll}/{id}/attributes", do: getParts(attributesOf)},
	{method: get, pattern: "/{coll}/{id}/attributes/{rowid}", do: (*Server).getAttribute},
	{method: put, pattern: "/{coll}/{id}/attributes/{rowid}", do: (*Server).putAttribute},
	{method: del, pattern: "/{coll}/{id}/attributes/{rowid}", do: (*Server).deleteAttribute},
	{method: post, pattern: "/{coll}/{id}/tags", do: (*Server).postTags},
	{method: get, pattern: "/{coll}/{id}/tags", do: getParts(tagsOf)},
	{method: del, pattern: "/{coll}/{id}/tags/{tagid}", do: (*Server).deleteTag},
	{method: post, pattern: "/{coll}/{id}/sources", do: (*Server).postSources},
	{method: get, pattern: "/{coll}/{id}/sources", do: getParts(sourcesOf)},
	{method: del, pattern: "/{coll}/{id}/sources/{sid}", do: (*Server).deleteSource},
	{method: post, pattern: "/{coll}/{id}/comments", do: (*Server).postComment},
	{method: get, pattern: "/{coll}/{id}/comments", do: getParts(commentsOf)},
	{method: put, pattern: "/{coll}/comments/{cid}", do: (*Server).putComment},
	{method: del, pattern: "/{coll}/comments/{cid}", do: (*Server).deleteComment},

	{method: post, pattern: "/{coll}/{id}/{with}", do: (*Server).postLinks},
	{method: get, pattern: "/{coll}/{id}/{with}", do: (*Server).getLinks},
	{method: del, pattern: "/{coll}/{id}/{with}", do: (*Server).deleteLinks},
}
