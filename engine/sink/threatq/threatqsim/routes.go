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

	{method: post, pattern: "/indicators", do: (*Server).postIndicators},
	{method: post, pattern: "/indicators/consume", do: (*Server).consume},
	{method: post, pattern: "/indicators/consume/new", do: (*Server).consume},

	{method: post, pattern: "/attachments/upload", do: (*Server).upload},
	{method: post, pattern: "/attachments", do: (*Server).postAttachment},

	{method: post, pattern: "/{coll}/consume", do: (*Server).consume},
	{method: post, pattern: "/{coll}", do: (*Server).postObject},
	{method: get, pattern: "/{coll}/{id}", do: (*Server).getObject},
	{method: put, pattern: "/{coll}/{id}", do: (*Server).putObject},
	{method: del, pattern: "/{coll}/{id}", do: (*Server).deleteObject},
	{method: post, pattern: "/{coll}/{id}/{with}", do: (*Server).postLinks},
	{method: get, pattern: "/{coll}/{id}/{with}", do: (*Server).getLinks},
	{method: del, pattern: "/{coll}/{id}/{with}", do: (*Server).deleteLinks},
}
