package ntlm

// What the vectors of MS-NLMP speak about, beside the message as a whole.

var (
	OwnerKey    = ownerKey
	Encrypt     = encrypt
	AppendPairs = appendPairs
)

// Respond is the response to a challenge, with the description as it is.
func Respond(key []byte, c Challenge, filetime []byte, ours [8]byte) (nt, lm, sessionKey []byte) {
	r := respond(key, c, appendPairs(nil, c.Info), filetime, ours)
	return r.nt, r.lm, r.sessionKey
}
