package threatqsim_test

import (
	"encoding/json"
	"fmt"
	"testing"
)

// BenchmarkMail is what a mail with 15 indicators costs the simulator, in four
// requests without a network, after as many mails as there were iterations.
func BenchmarkMail(b *testing.B) {
	d := newDirect(b, config())
	for i := range b.N {
		shipMail(b, d, i)
	}
}

func shipMail(t testing.TB, d *direct, i int) {
	at := fmt.Sprintf("2026-01-%02d 00:00:00", i%28+1)
	title := fmt.Sprintf("mail %d", i)
	ask := func(method, path string, body any, want int) {
		raw, _ := json.Marshal(body)
		if code, got := d.send(method, path, "application/json", raw); code != want {
			t.Fatalf("%s %s: %d %s", method, path, code, got)
		}
	}
	ask("GET", "/api/events?title=mail+"+fmt.Sprint(i), nil, 200)
	ask("POST", "/api/events", object{"title": title, "type": "Incident", "happened_at": at, "attributes": []object{{"name": "key", "value": title}}}, 201)
	var batch, known []object
	for n := range 15 {
		value := fmt.Sprintf("h%d-%d.example", i, n)
		batch, known = append(batch, object{"value": value, "type": "FQDN"}), append(known, object{"value": value})
	}
	ask("POST", "/api/indicators/query", object{"criteria": object{"+or": known}}, 200)
	ask("POST", "/api/indicators/consume", batch, 201)
}
