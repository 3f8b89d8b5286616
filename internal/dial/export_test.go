package dial

import (
	"context"
	"net"
)

// Negotiate has the proxy at the other end of a connection open one to addr.
func Negotiate(ctx context.Context, p Proxy, conn net.Conn, addr string) (net.Conn, error) {
	return (&Dialer{Proxy: p}).negotiate(ctx, conn, addr)
}
