// Package threatq ships batches into a ThreatQ platform over its REST interface
// (docs/reference/threatq.md tells operators what becomes of a mail there, and
// how many requests it takes).
//
// # Nothing twice
//
// The platform has no transactions, and no answer is certain to arrive. So every
// step reads what is there, compares, and writes the difference; a step that
// failed is repeated from its reading, never from its writing. An event is known
// again by its attribute tqmailrules-key, a file by MD5, size and, where those
// agree, SHA-256, an indicator by type and value in every form a normalising
// server may have given them. A Memory saves questions, it is not what makes
// replays safe.
//
// Attributes are posted only where they are missing, since the platform keeps
// two of them when they come twice. An indicator that exists keeps its status.
//
// What the vendor's documents leave open (which parts of an event or a file are
// taken along with it, which filters are known) is tried, read back once, and
// replaced by further requests where it does not work: see feature.go.
//
// # Failures
//
// What may pass (network, 429, 5xx, pages of proxies, cut answers) is tried a few
// times with growing pauses, then wraps engine.ErrTemporary. A refused login and
// missing permissions for lists wrap it, too, at once: the batch is not at fault.
// What the server refuses for good is told in its words. One refused indicator
// or file does not keep the others: it is left out, and its event says so in the
// attribute Not Shipped.
//
// One goroutine ships. The package keeps nothing on disk, reads no environment,
// and never deletes but in Retract.
package threatq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/tqmailrules/tqmailrules/engine"
	"github.com/tqmailrules/tqmailrules/engine/sink/threatq/wire"
)

// Upload says how files get there.
type Upload string

// The ways of uploading.
const (
	UploadAuto Upload = "auto"      // two steps, and one if the server lacks those
	OneShot    Upload = "oneshot"   // POST /attachments with the file in it
	Resumable  Upload = "resumable" // POST /attachments/upload, then POST /attachments
)

// StatusPolicy says what becomes of the status of an indicator that exists.
type StatusPolicy string

// The policies.
const (
	KeepStatus      StatusPolicy = "keep" // it stays, so that what is whitelisted stays so
	OverwriteStatus StatusPolicy = "overwrite"
)

// Normalize says who decides what becomes of the values of indicators.
type Normalize string

// The choices.
const (
	NormalizeServer Normalize = "server" // as the platform is set, so that ours are like those of its other feeds
	NormalizeYes    Normalize = "yes"
	NormalizeNo     Normalize = "no" // they stay as they were found: schemes and queries of URLs are kept
)

// flag is what a request says; nil: nothing.
func (n Normalize) flag() *wire.Flag {
	if n == NormalizeServer {
		return nil
	}
	f := wire.Flag(n == NormalizeYes)
	return &f
}

// Config of a Sink.
type Config struct {
	Name string // of the sink in the configuration; "threatq" when empty
	Host string // https://tq.example; an /api behind it is tolerated
	// AllowHTTP lets Host be http://, for simulators on the same machine.
	AllowHTTP bool

	// ClientID with User and Password, or with ClientSecret.
	ClientID, User, Password, ClientSecret string

	// Transport brings TLS, proxies and the dialer; nil: a direct connection, TLS
	// 1.2 at least, verified.
	Transport *http.Transport
	Timeout   time.Duration // for a request; uploads get more by their size; a minute when 0

	Status, Source, TLP string // where a record has none
	// Types are names of ours that the server calls otherwise: an indicator type,
	// or "object:attack_pattern" for a collection of objects. What neither names
	// goes as String with an attribute Type.
	Types        map[string]string
	Upload       Upload       // auto when empty
	StatusPolicy StatusPolicy // keep when empty
	Normalize    Normalize    // server when empty
	Retracted    string       // status of indicators that Retract takes back but does not delete; "" leaves it

	Bulk           int // indicators in one request at most; 500 when 0
	AttributeCap   int // bytes of the value of an attribute; 10,000 when 0
	DescriptionCap int // bytes of a description; 65,500 when 0
	Tries          int // of a step, with pauses between; 4 when 0

	// Alone says that no other instance ships to this server. An event is then
	// searched for only when its making may have been interrupted, or the mail is
	// older than the Memory: one request less.
	Alone bool

	// ParseServer chooses events whose source the server is to parse itself; nil:
	// none.
	ParseServer func(engine.EventRecord) bool

	Memory Memory                                           // nil: in memory of this process
	Now    func() time.Time                                 // required
	Sleep  func(ctx context.Context, d time.Duration) error // nil: the system's
	Jitter func() float64                                   // in [0,1); nil: random
	Log    *slog.Logger                                     // nil: none
}

// Memory remembers what became of what, across runs if it can. sink is the name of
// a sink and the address of its platform; kinds, keys and values are the sink's
// own. Note replaces. Both are called from the goroutine that ships. A
// Memory that forgets costs requests, not correctness.
type Memory interface {
	Recall(ctx context.Context, sink, kind, key string) (value string, ok bool, err error)
	Note(ctx context.Context, sink, kind, key, value string) error
}

// Sink is one ThreatQ. It is not safe for concurrent use.
type Sink struct {
	cfg  Config
	api  *api
	log  *slog.Logger
	list *lists          // nil until first needed
	told map[string]bool // warnings that were given

	bulk    int                 // indicators in one request, as the server bears it
	upload  Upload              // what auto came to
	does    map[feature]knowing // what the server turned out to do
	strikes map[feature]int     // times that an unproven way failed
	oldTLP  bool                // it lacks CLEAR and AMBER+STRICT
}

var _ engine.Sink = (*Sink)(nil)

// Open checks the configuration. The server is first asked when something is
// shipped, or by Check.
func Open(_ context.Context, cfg Config) (*Sink, error) {
	cfg.Name = cmp.Or(cfg.Name, "threatq")
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("open threatq sink %s: %w", cfg.Name, err)
	}
	s := &Sink{cfg: cfg, log: cfg.Log.With("sink", cfg.Name), told: map[string]bool{}, does: map[feature]knowing{}, strikes: map[feature]int{}, bulk: cfg.Bulk, upload: cfg.Upload}
	s.cfg.Log = s.log
	var err error
	if s.api, err = newAPI(&s.cfg); err != nil {
		return nil, fmt.Errorf("open threatq sink %s: %w", cfg.Name, err)
	}
	return s, nil
}

// complete checks what must be there and fills in what may be missing.
func (c *Config) complete() error {
	switch {
	case c.Now == nil:
		return errors.New("no clock")
	case c.ClientSecret == "" && (c.User == "" || c.Password == ""):
		return errors.New("want a user and a password, or a client id and its secret")
	case c.ClientID == "":
		return errors.New("want a client id")
	}
	c.Upload, c.StatusPolicy, c.Normalize = cmp.Or(c.Upload, UploadAuto), cmp.Or(c.StatusPolicy, KeepStatus), cmp.Or(c.Normalize, NormalizeServer)
	switch c.Upload {
	case UploadAuto, OneShot, Resumable:
	default:
		return fmt.Errorf("upload %q: want auto, oneshot or resumable", c.Upload)
	}
	if c.StatusPolicy != KeepStatus && c.StatusPolicy != OverwriteStatus {
		return fmt.Errorf("status policy %q: want keep or overwrite", c.StatusPolicy)
	}
	switch c.Normalize {
	case NormalizeServer, NormalizeYes, NormalizeNo:
	default:
		return fmt.Errorf("normalize %q: want server, yes or no", c.Normalize)
	}
	c.Bulk, c.Tries = cmp.Or(max(c.Bulk, 0), 500), cmp.Or(max(c.Tries, 0), 4)
	c.AttributeCap, c.DescriptionCap = cmp.Or(max(c.AttributeCap, 0), 10_000), cmp.Or(max(c.DescriptionCap, 0), 65_500)
	if c.Memory == nil {
		c.Memory = &volatile{map[[2]string]string{}}
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.Jitter == nil {
		c.Jitter = rand.Float64
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// sleep waits for real.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Name implements engine.Sink.
func (s *Sink) Name() string { return s.cfg.Name }

// Close implements engine.Sink.
func (s *Sink) Close() error {
	s.api.client.CloseIdleConnections()
	return nil
}

// Ship implements engine.Sink.
func (s *Sink) Ship(ctx context.Context, b engine.Batch) error {
	if err := s.ship(ctx, &b); err != nil {
		return fmt.Errorf("ship batch %s to %s: %w", b.Key, s.cfg.Name, err)
	}
	return nil
}

func (s *Sink) ship(ctx context.Context, b *engine.Batch) error {
	s.api.waited = 0
	digest := digestOf(b)
	done, err := s.recallBatch(ctx, b.Key)
	if err != nil || done.Digest == digest {
		return err
	}
	if err := s.resolve(ctx); err != nil {
		return err
	}
	err = s.shipAll(ctx, b, digest, false)
	if isKind(err, missing) {
		// Something that is remembered is gone at the server: somebody deleted it.
		err = s.shipAll(ctx, b, digest, true)
	}
	return err
}

// shipAll ships what is not there yet. If doubting, remembered ids do not count.
func (s *Sink) shipAll(ctx context.Context, b *engine.Batch, digest string, doubting bool) error {
	p, err := s.newShipment(b, doubting)
	if err != nil && s.cfg.Now().Sub(s.list.read) > maxListAge {
		s.list = nil // somebody may have added what is missing
		if err := s.resolve(ctx); err != nil {
			return err
		}
		p, err = s.newShipment(b, doubting)
	}
	if err != nil {
		return err
	}
	steps := []func(context.Context) error{p.shipFiles, p.shipEvents, p.shipIndicators, p.shipObjects, p.relate, p.confess}
	if slices.ContainsFunc(p.events, p.imports) {
		steps[0], steps[1] = p.shipEvents, p.shipFiles // the server brings files itself, which are found then
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return p.note(ctx, digest)
}

// persist does a step until it is done: each step reads what is there before it
// writes what is missing, so that it may be repeated whatever became of it. again
// says that an earlier attempt may have had an effect.
func (s *Sink) persist(ctx context.Context, step func(again bool) error) error {
	pause := 500 * time.Millisecond
	for try := 1; ; try++ {
		err := step(try > 1)
		tries := s.cfg.Tries
		if isKind(err, doubted) {
			tries = min(tries, 2)
		}
		if err == nil || try >= tries || !isKind(err, passing, slow, doubted) {
			return err
		}
		s.log.Info("a step is repeated", "try", try+1, "reason", err.Error())
		if err := s.cfg.Sleep(ctx, time.Duration(float64(pause)*(0.5+s.cfg.Jitter()))); err != nil {
			return err
		}
		pause *= 2
	}
}

// once warns of something one time in the life of the sink.
func (s *Sink) once(key, msg string, args ...any) {
	if !s.told[key] && len(s.told) < 1000 {
		s.told[key] = true
		s.log.Warn(msg, args...)
	}
}
