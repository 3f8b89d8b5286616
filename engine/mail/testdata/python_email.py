"""Reads paths of mails on stdin and prints one JSON object per mail: what
Python's email package makes of it. Run by TestPythonAgrees."""
import email
import email.header
import hashlib
import json
import sys


def leaves(msg):
    if msg.is_multipart() and msg.get_content_maintype() != "message":
        for part in msg.get_payload():
            yield from leaves(part)
    else:
        yield msg


def content(part):
    if part.get_content_maintype() == "message" and part.is_multipart():
        return None  # a parsed message: its bytes are not at hand
    return part.get_payload(decode=True) or b""


def subject(msg):
    raw = next((v for k, v in msg.raw_items() if k.lower() == "subject"), None)
    if raw is None:
        return ""
    # Bytes above ASCII arrive as surrogates; mail programs read them as UTF-8.
    raw = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    raw = raw.replace("\r", "").replace("\n", "")
    try:
        return str(email.header.make_header(email.header.decode_header(raw)))
    except Exception as err:
        return "error: %s" % type(err).__name__


for line in sys.stdin:
    with open(line.rstrip("\n"), "rb") as f:
        raw = f.read()
    msg = email.message_from_bytes(raw)
    parts = list(leaves(msg))
    digests = []
    for p in parts:
        data = content(p)
        digests.append("" if data is None else hashlib.sha256(data).hexdigest())
    print(json.dumps({
        "sha256": hashlib.sha256(raw).hexdigest(),
        "leaves": len(parts),
        "digests": digests,
        "subject": " ".join(subject(msg).split()),
    }))
