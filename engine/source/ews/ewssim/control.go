package ewssim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// control answers /_sim: what a test asks of the simulator itself.
func (s *Server) control(r *http.Request, name string) answer {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return plainly(http.StatusBadRequest, err.Error())
	}
	switch r.Method + " " + name {
	case "GET dump":
		return answer{code: http.StatusOK, kind: "application/json", body: s.Dump()}
	case "GET counts":
		return asJSON(http.StatusOK, s.Counts())
	case "DELETE counts":
		s.ResetCounts()
		return answer{code: http.StatusNoContent}
	case "GET faults":
		return asJSON(http.StatusOK, s.scripts())
	case "POST faults":
		return s.postFaults(body)
	case "POST chaos":
		return s.postChaos(body)
	case "DELETE faults":
		s.Calm()
		return answer{code: http.StatusNoContent}
	case "POST sync":
		s.InvalidateSync()
		return answer{code: http.StatusNoContent}
	}
	return plainly(http.StatusNotFound, "no route "+r.Method+" /_sim/"+name)
}

func asJSON(code int, v any) answer {
	body, _ := json.MarshalIndent(v, "", "  ") // has nothing that cannot be written
	return answer{code: code, kind: "application/json", body: append(body, '\n')}
}

func plainly(code int, message string) answer {
	return asJSON(code, map[string]string{"error": message})
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
	if trimmed := bytes.TrimSpace(body); len(trimmed) > 0 && trimmed[0] != '[' {
		body = append(append([]byte{'['}, body...), ']')
	}
	var list []script
	if err := json.Unmarshal(body, &list); err != nil {
		return plainly(http.StatusBadRequest, err.Error())
	}
	for i := range list {
		if err := list[i].read(); err != nil {
			return plainly(http.StatusBadRequest, err.Error())
		}
	}
	for i := range list {
		_ = s.Fault(list[i].Fault) // was checked
	}
	return asJSON(http.StatusCreated, s.scripts())
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
		return plainly(http.StatusBadRequest, err.Error())
	}
	return answer{code: http.StatusNoContent}
}
