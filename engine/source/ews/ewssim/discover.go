package ewssim

import (
	"errors"
	"io"
	"net/http"
	"strings"
)

// Schemas of autodiscovery.
const (
	nsDiscovery = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
	nsOutlook   = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
)

// serveDiscovery answers autodiscovery in the manner of Outlook 2007, POX.
func (s *Server) serveDiscovery(w http.ResponseWriter, r *http.Request) {
	if _, refused := s.login(r); refused != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxBody))
		s.count("401")
		refused.write(w)
		return
	}
	s.count("autodiscover")
	if s.cfg.Latency > 0 {
		wait(r.Context(), s.cfg.Latency)
	}
	root, err := parse(r.Body)
	if errors.Is(err, errTooLarge) {
		page(http.StatusRequestEntityTooLarge, "413 - the request entity is too large.").write(w)
		return
	}
	email := strings.ToLower(root.at("Request", "EMailAddress").value())
	s.discover(r, email, err).write(w)
}

func (s *Server) discover(r *http.Request, email string, bad error) answer {
	x := &text{}
	x.WriteString(`<?xml version="1.0" encoding="utf-8"?>`)
	x.begin("Autodiscover", "xmlns", nsDiscovery)
	switch {
	case bad != nil || email == "":
		s.discoveryError(x, "600", "Invalid Request")
	case s.cfg.Redirect != "":
		s.redirect(x)
	case s.store.boxes[email] == nil:
		s.discoveryError(x, "500", "The e-mail address cannot be found.")
	default:
		s.protocols(x, r, email)
	}
	a := x.finish()
	a.kind = "text/xml; charset=utf-8"
	return a
}

func (s *Server) discoveryError(x *text, code, message string) {
	x.begin("Response")
	x.begin("Error", "Time", s.cfg.Now().UTC().Format("15:04:05.0000000"), "Id", "1234567890")
	x.leaf("ErrorCode", code)
	x.leaf("Message", message)
	x.leaf("DebugData", "")
}

func (s *Server) redirect(x *text) {
	x.begin("Response", "xmlns", nsOutlook)
	x.begin("Account")
	if strings.Contains(s.cfg.Redirect, "://") {
		x.leaf("Action", "redirectUrl")
		x.leaf("RedirectUrl", s.cfg.Redirect)
		return
	}
	x.leaf("Action", "redirectAddr")
	x.leaf("RedirectAddr", s.cfg.Redirect)
}

func (s *Server) protocols(x *text, r *http.Request, email string) {
	x.begin("Response", "xmlns", nsOutlook)
	x.begin("User")
	x.leaf("DisplayName", email[:strings.IndexByte(email, '@')])
	x.leaf("AutoDiscoverSMTPAddress", email)
	x.end()
	x.begin("Account")
	x.leaf("AccountType", "email")
	x.leaf("Action", "settings")
	host := "http://" + r.Host
	if r.TLS != nil {
		host = "https://" + r.Host
	}
	for _, kind := range []string{"EXCH", "EXPR"} {
		x.begin("Protocol")
		x.leaf("Type", kind)
		x.leaf("Server", "exch01.sim.example")
		x.leaf("ServerVersion", s.version.number())
		x.leaf("EwsUrl", host+"/EWS/Exchange.asmx")
		x.end()
	}
}
