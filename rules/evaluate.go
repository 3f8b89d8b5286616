package rules

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/internal/yamlfile"
)

// evaluator runs expressions for one goroutine. Sets keep some of them.
type evaluator struct {
	vm  vm.VM
	run *run
	env map[string]any
}

func newEvaluator(fuel int) *evaluator {
	r := &run{limit: fuel}
	return &evaluator{run: r, env: map[string]any{runName: r}}
}

// evaluator takes one from the pool and shows it what the paths say of the view.
func (s *Set) evaluator(v *engine.View, ind *engine.Indicator, paths []*fixedPath) *evaluator {
	ev := s.evaluators.Get().(*evaluator)
	ev.look(v, ind, paths)
	return ev
}

func (ev *evaluator) look(v *engine.View, ind *engine.Indicator, paths []*fixedPath) {
	r := newRoots(v, ind)
	fill(ev.env, paths, &r)
	ev.run.msg = v.Message
	if v.Message == nil {
		ev.run.msg = emptyMessage
	}
}

func (s *Set) release(ev *evaluator) {
	clear(ev.env) // the pool keeps no message alive longer than it must
	ev.env[runName] = ev.run
	ev.run.msg, ev.run.trace = nil, nil
	clear(ev.run.args[:cap(ev.run.args)])
	clear(ev.vm.Stack[:cap(ev.vm.Stack)])
	clear(ev.vm.Variables)
	s.evaluators.Put(ev)
}

// value runs one expression on a full tank.
func (ev *evaluator) value(e *expression) (any, error) {
	ev.run.fuel = ev.run.limit
	v, err := ev.vm.Run(e.program, ev.env)
	if err != nil {
		return nil, runtimeError(err)
	}
	return v, nil
}

func (ev *evaluator) condition(e *expression) (bool, error) {
	v, err := ev.value(e)
	if err != nil {
		return false, err
	}
	b, _ := v.(bool)
	return b, nil
}

// ConditionError is a condition or template that failed when it ran.
type ConditionError struct {
	Pos    yamlfile.Pos // of the part that failed
	Macro  string       // the macro it stands in, "" if none
	Used   yamlfile.Pos // of the rule that uses the macro
	Reason error
}

func (e *ConditionError) Error() string {
	if e.Macro != "" {
		return fmt.Sprintf("%s: %s (in macro %s, used by the rule at %s)", e.Pos, e.Reason, e.Macro, e.Used)
	}
	return e.Pos.String() + ": " + e.Reason.Error()
}

// Unwrap gives ErrFuel when that is why.
func (e *ConditionError) Unwrap() error { return e.Reason }

// located is an error of the machine with the location in our encoding.
type located struct {
	from   int
	reason error
}

func (e *located) Error() string { return e.reason.Error() }
func (e *located) Unwrap() error { return e.reason }

func runtimeError(err error) error {
	var fe *file.Error
	if !errors.As(err, &fe) {
		return err
	}
	reason := fe.Prev
	if reason == nil || strings.Contains(fe.Message, "memory budget") {
		reason = errors.New(plainMessage(fe.Message))
	}
	return &located{fe.From, reason}
}

// plainMessage keeps expr's words where they say something to an author.
func plainMessage(s string) string {
	if strings.Contains(s, "memory budget") {
		return "the condition makes too long a list"
	}
	return "the condition failed: " + s
}

// place turns a location of the machine into a place of a file.
func (s *Set) place(r *Rule, err error) error {
	var le *located
	if !errors.As(err, &le) {
		return err
	}
	id, off := le.from>>sourceShift, le.from&(1<<sourceShift-1)
	if id < 0 || id >= len(s.sources) {
		return le.reason
	}
	src := s.sources[id]
	return &ConditionError{src.pos(off), src.macro, r.Pos, le.reason}
}

// Evaluate implements engine.Rules.
func (s *Set) Evaluate(phase engine.Phase, view *engine.View) engine.Plan {
	var plan engine.Plan
	if int(phase) >= len(s.phases) || len(s.phases[phase]) == 0 {
		return plan
	}
	ev := s.evaluator(view, nil, s.paths[phase])
	defer s.release(ev)
	stopped := false
	for _, r := range s.phases[phase] {
		if stopped {
			plan.Results = append(plan.Results, engine.RuleResult{Rule: r.ID, Phase: phase, Result: engine.Stopped, Shadow: r.Mode == Shadow})
			continue
		}
		stopped = s.evaluateRule(ev, r, phase, &plan)
	}
	return plan
}

// evaluateRule asks one rule and says whether the phase ends with it.
func (s *Set) evaluateRule(ev *evaluator, r *Rule, phase engine.Phase, plan *engine.Plan) (stop bool) {
	match, err := ev.condition(r.when)
	if err != nil {
		match = r.OnError == MatchRule
	}
	var steps []engine.Step
	if match {
		var failed error
		if steps, failed = r.steps(ev); failed != nil && err == nil {
			err = failed
			match = r.OnError == MatchRule
		}
	}
	if err != nil {
		plan.Results = append(plan.Results, engine.RuleResult{Rule: r.ID, Phase: phase, Result: engine.ResultError, Shadow: r.Mode == Shadow, Err: s.place(r, err)})
	} else if match {
		plan.Results = append(plan.Results, engine.RuleResult{Rule: r.ID, Phase: phase, Result: engine.Match, Shadow: r.Mode == Shadow})
	}
	if r.Mode == Shadow {
		return false
	}
	if match {
		plan.Steps = append(plan.Steps, steps...)
		plan.Stopped = plan.Stopped || r.Stop == StopMessage
		return r.Stop != StopNone
	}
	return err != nil && r.OnError == StopRules
}

// steps resolves the actions. With on_error: match an action that fails is left
// out, else all are.
func (r *Rule) steps(ev *evaluator) ([]engine.Step, error) {
	var steps []engine.Step
	var failed error
	for _, a := range r.actions {
		actions, err := a.resolve(ev)
		if err != nil {
			failed = errors.Join(failed, a.placed(err))
			continue
		}
		for _, x := range actions {
			steps = append(steps, engine.Step{Rule: r.ID, Priority: r.Priority, Action: x})
		}
	}
	return steps, failed
}

// placed gives an error that has no place of its own that of the action.
func (a *action) placed(err error) error {
	var le *located
	if errors.As(err, &le) {
		return err
	}
	return &ConditionError{Pos: a.node.Pos(), Reason: err}
}

// Keep implements engine.Rules. All keep rules must hold; one that fails holds. One
// with a status for what it refuses drops nothing; the first such status counts.
func (s *Set) Keep(view *engine.View, ind *engine.Indicator) engine.Verdict {
	verdict := engine.Verdict{Keep: true}
	if len(s.keeps) == 0 {
		return verdict
	}
	ev := s.evaluator(view, ind, s.keepPaths)
	defer s.release(ev)
	for _, r := range s.keeps {
		holds, err := ev.condition(r.when)
		if err != nil {
			verdict.Err = errors.Join(verdict.Err, s.place(r, err))
			continue
		}
		switch {
		case holds || r.Mode != Live:
		case r.Otherwise != "":
			if verdict.Status == "" {
				verdict.Status, verdict.Rule = r.Otherwise, r.ID
			}
		default:
			return engine.Verdict{Rule: r.ID, Err: verdict.Err}
		}
	}
	return verdict
}
