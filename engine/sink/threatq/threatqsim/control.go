package threatqsim

import (
	"encoding/json"
	"net/http"

	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// control answers /_sim: what a test asks of the simulator itself. It needs no
// token, and is not counted.
func (s *Server) control(method, name string, body []byte) answer {
	switch method + " " + name {
	case "GET dump":
		return answer{code: http.StatusOK, raw: s.Dump(), header: map[string]string{"Content-Type": "application/json"}}
	case "GET counts":
		return answer{code: http.StatusOK, body: s.Counts()}
	case "DELETE counts":
		s.ResetCounts()
		return noContent
	case "GET faults":
		return answer{code: http.StatusOK, body: s.scripts()}
	case "POST faults":
		return s.postFaults(body)
	case "POST chaos":
		return s.postChaos(body)
	case "DELETE faults":
		s.Calm()
		return noContent
	}
	return answer{code: http.StatusNotFound, body: object{"name": "Not Found", "message": "no route " + method + " /_sim/" + name}}
}

func (s *Server) scripts() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Fault{}
	for _, f := range s.faults.scripts {
		all = append(all, *f)
	}
	return all
}

// postFaults takes one script or a list. All of them are in force, or none.
func (s *Server) postFaults(body []byte) answer {
	var list wire.List[Fault]
	if err := json.Unmarshal(body, &list); err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	for i := range list {
		list[i].Struck = 0
		if err := list[i].check(); err != nil {
			return refuse(http.StatusBadRequest, err.Error())
		}
	}
	for _, f := range list {
		_ = s.Fault(f) // was checked
	}
	return answer{code: http.StatusCreated, body: s.scripts()}
}

func (s *Server) postChaos(body []byte) answer {
	var in struct {
		Seed  uint64  `json:"seed"`
		Rate  float64 `json:"rate"`
		Kinds []What  `json:"kinds"`
	}
	err := json.Unmarshal(body, &in)
	if err == nil {
		err = s.Chaos(in.Seed, in.Rate, in.Kinds...)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	return noContent
}
