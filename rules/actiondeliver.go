package rules

import (
	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

func readScore(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	points, ok := l.Int(n, "score", -1_000_000, 1_000_000)
	if !ok {
		return nil
	}
	return one(engine.Score{Points: points})
}

func readShip(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	if n.Kind == yamlfile.Scalar {
		if _, ok := l.Choice(n, "ship", []string{"none"}); !ok {
			return nil
		}
		return one(engine.Ship{None: true})
	}
	f, ok := l.Fields(n, "ship", actionKeys["ship"])
	if !ok || !l.Need(f, "ship", "sinks") {
		return nil
	}
	sinks, ok := l.Strings(f.Get("sinks"), "sinks")
	for i, s := range sinks {
		l.known(itemNode(f.Get("sinks"), i), s, "sink", l.opt.Sinks)
	}
	if ok && len(sinks) == 0 {
		d := f.Get("sinks").Errorf("sinks is empty")
		d.Hint = "ship: none ships nothing"
		l.Add(d)
	}
	l.set.sinks = append(l.set.sinks, sinks...)
	return one(engine.Ship{Sinks: sinks})
}

func readRoute(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	f, ok := l.Fields(n, "route", actionKeys["route"])
	if !ok {
		return nil
	}
	if len(n.Pairs) == 0 {
		l.Add(n.Errorf("route says nothing"))
	}
	var t engine.Route
	t.Seen, _ = l.Bool(f.Get("seen"), "seen")
	t.MoveTo, _ = l.Filled(f.Get("move_to"), "move_to")
	t.Flag, _ = l.Filled(f.Get("flag"), "flag")
	return one(t)
}

// parseOptions are who may parse beside us.
var parseOptions = []string{"server"}

func readParse(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	if _, ok := l.Choice(n, "parse", parseOptions); !ok {
		return nil
	}
	return one(engine.Parse{Server: true})
}

func readHold(l *loader, _ *Rule, n *yamlfile.Node) resolver {
	f, ok := l.Fields(n, "hold", actionKeys["hold"])
	if !ok || !l.Need(f, "hold", "for") {
		return nil
	}
	d, ok := l.Duration(f.Get("for"), "for")
	if !ok {
		return nil
	}
	return one(engine.Hold{For: d})
}
