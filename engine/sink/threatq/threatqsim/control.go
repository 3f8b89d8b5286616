package threatqsim

import (
	"encoding/json"
	"net/http"
	"time"

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

// script is a Fault whose delay reads as people write it.
type script struct {
	Fault
	Delay string `json:"delay,omitempty"`
}

func (s *Server) scripts() []script {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []script{}
	for _, f := range s.faults.scripts {
		shown := script{Fault: *f}
		if f.Delay > 0 {
			shown.Delay = f.Delay.String()
		}
		all = append(all, shown)
	}
	return all
}

// postFaults takes one script or a list. All of them are in force, or none.
func (s *Server) postFaults(body []byte) answer {
	var list wire.List[script]
	if err := json.Unmarshal(body, &list); err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	for i := range list {
		if err := list[i].read(); err != nil {
			return refuse(http.StatusBadRequest, err.Error())
		}
	}
	for i := range list {
		_ = s.Fault(list[i].Fault) // was checked
	}
	return answer{code: http.StatusCreated, body: s.scripts()}
}

func (f *script) read() (err error) {
	f.Struck = 0
	if f.Delay != "" {
		if f.Fault.Delay, err = time.ParseDuration(f.Delay); err != nil {
			return err
		}
	}
	return f.check()
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
