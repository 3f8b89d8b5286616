package threatqsim

import (
	"net/http"
	"strconv"
)

const (
	defaultPage = 50
	maxPage     = 1000
)

// page is the part of a list that limit and offset ask for.
func page(c *call, all []any) answer {
	limit, offset, p := window(c)
	if len(p) > 0 {
		return p.answer()
	}
	from := min(offset, len(all))
	to := min(from+limit, len(all))
	return answer{code: http.StatusOK, body: object{"total": len(all), "limit": limit, "offset": offset, "data": all[from:to]}}
}

func window(c *call) (limit, offset int, p problems) {
	p = problems{}
	limit, offset = number(c, "limit", defaultPage, p), number(c, "offset", 0, p)
	return min(max(limit, 1), maxPage), offset, p
}

func number(c *call, name string, otherwise int, p problems) int {
	text := c.query.Get(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		p.add(name, "The %s must be a whole number.", name)
	}
	return n
}
