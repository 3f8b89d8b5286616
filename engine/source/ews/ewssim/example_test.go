package ewssim_test

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/tqmailrules/tqmailrules/engine/source/ews/ewssim"
)

// A mailbox with one mail, served on a port of this machine.
func Example() {
	sim := ewssim.New(ewssim.Config{
		Users:     map[string]string{`CORP\soc`: "s3cret"},
		Mailboxes: map[string]string{"abuse@corp.example": `CORP\soc`},
		Schemes:   []string{"NTLM", "Basic"},
	})
	sim.AddMail("Inbox/Reported", []byte("Subject: look at this\r\n\r\nhello\r\n"), time.Now(), false)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := sim.HTTPServer()
	go func() { _ = server.Serve(listener) }() // ends with Close
	defer server.Close()

	answer, err := http.Get("http://" + listener.Addr().String() + "/EWS/Exchange.asmx")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	fmt.Println(answer.Status, answer.Header.Values("WWW-Authenticate"))
	for _, mail := range sim.Mails("Inbox/Reported") {
		fmt.Println(mail.Subject, mail.Read)
	}
	// Output:
	// 401 Unauthorized [NTLM Basic realm="mail.sim.example"]
	// look at this false
}
