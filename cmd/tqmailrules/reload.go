package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/tqmailrules/tqmailrules/rules"
)

// reload loads the rules anew whenever the process is asked to (SIGHUP), until ctx
// ends. Rules with an error change nothing.
func (w *wired) reload(ctx context.Context) {
	if len(reloadSignals) == 0 {
		return // Notify would take all signals
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, reloadSignals...)
	defer signal.Stop(asked)
	for {
		select {
		case <-asked:
			w.reloadNow()
		case <-ctx.Done():
			return
		}
	}
}

func (w *wired) reloadNow() {
	set, diags, err := loadRules(w.l.cfg.Rules, ruleOptions(w.l.cfg, w.l.finders, true))
	switch {
	case err != nil:
		w.log.Error("rules are not loaded; the old ones stay", "err", err)
		return
	case len(diags.Errors()) > 0:
		for _, d := range diags.Errors() {
			w.log.Error("rules have an error; the old ones stay", "err", d.String())
		}
		return
	}
	w.use(set)
}

func (w *wired) use(set *rules.Set) {
	w.SetRules(set)
	w.log.Info("rules are loaded", "rules", len(set.Rules()))
}
