"""What exchangelib makes of the simulator: for each wish of a list, one JSON object."""
import datetime
import json
import sys
import time

import urllib3
from exchangelib import BASIC, DELEGATE, NTLM, Account, Build, Configuration, Credentials, FaultTolerance, Version
from exchangelib.errors import ErrorAccessDenied, ErrorItemNotFound, UnauthorizedError
from exchangelib.items import Message
from exchangelib.items import HARD_DELETE
from exchangelib.attachments import FileAttachment, ItemAttachment
from exchangelib.protocol import BaseProtocol, NoVerifyHTTPAdapter

urllib3.disable_warnings()
BaseProtocol.HTTP_ADAPTER_CLS = NoVerifyHTTPAdapter
BaseProtocol.TIMEOUT = 20


def look(want):
    config = {"service_endpoint": want["url"], "credentials": Credentials(want["user"], want["password"])}
    if want["auth"] != "auto":
        config["auth_type"] = {"basic": BASIC, "ntlm": NTLM}[want["auth"]]
    if want.get("patient"):
        config["retry_policy"] = FaultTolerance(max_wait=10)
    if want["build"]:
        config["version"] = Version(build=Build(*want["build"]))

    out = {}
    start = time.monotonic()
    try:
        account = Account(primary_smtp_address=want["email"], config=Configuration(**config), autodiscover=False, access_type=DELEGATE)
        inbox = account.inbox
        out["inbox"] = [inbox.name, inbox.total_count, inbox.unread_count]
    except UnauthorizedError as e:
        return {"unauthorized": str(e)}
    out["version"] = str(account.version.build) + " " + account.version.api_version
    if want.get("brief"):
        out["took"] = time.monotonic() - start
        return out

    out["tree"] = sorted(f.name for f in account.msg_folder_root.walk())

    abuse = inbox / "Abuse"
    out["by_name"] = [abuse.name, abuse.total_count]
    out["children"] = sorted(f.name for f in inbox.children)

    # Unread mail, by pages of three.
    unread = inbox.filter(is_read=False).order_by("datetime_received")
    unread.page_size = 3
    out["unread"] = [m.subject for m in unread.only("subject", "message_id")]
    everything = list(inbox.all().order_by("-datetime_received"))
    out["all"] = [type(m).__name__ + " " + m.subject for m in everything]
    out["since"] = inbox.filter(datetime_received__gte=datetime.datetime(2026, 3, 1, 0, 5, tzinfo=account.default_timezone)).count()
    out["contains"] = [m.subject for m in inbox.filter(subject__icontains="MAIL 0").only("subject")]
    out["either"] = inbox.filter(subject="mail 01").count() + inbox.exclude(subject="mail 01").count()

    first = everything[-1]
    out["first"] = {
        "subject": first.subject, "sender": first.sender.email_address, "to": [m.email_address for m in first.to_recipients], "body": str(first.body).strip(),
        "text_body": (first.text_body or "").strip(), "message_id": first.message_id, "size": first.size, "read": first.is_read,
        "headers": [h.name for h in first.headers], "received": first.datetime_received.isoformat(), "sent": first.datetime_sent.isoformat(),
        "mime": first.mime_content.decode("latin-1"),
    }
    out["attachments"] = []
    for m in everything:
        for a in m.attachments:
            if isinstance(a, FileAttachment):
                out["attachments"].append([a.name, a.content_type, a.size, a.content.decode("latin-1")])
            elif isinstance(a, ItemAttachment):
                out["attachments"].append([a.name, a.item.subject, a.item.mime_content.decode("latin-1")])

    # What changed, until there is nothing more.
    first_sync = [(kind, i.subject) for kind, i in inbox.sync_items(only_fields=["subject"], max_changes_returned=2)]
    out["sync_first"] = len(first_sync)

    # Marks: one, then many at once.
    first.is_read = True
    key = first.changekey
    first.save(update_fields=["is_read"])
    out["key_changed"] = first.changekey != key
    rest = list(inbox.filter(is_read=False))
    for m in rest:
        m.is_read = True
    account.bulk_update([(m, ("is_read",)) for m in rest])
    inbox.refresh()
    out["unread_after"] = inbox.unread_count
    first.categories = ["done"]
    first.save(update_fields=["categories"])
    second = everything[-2]
    old = second.id
    second.move(abuse)
    out["moved"] = second.id != old
    out["old_id"] = [type(e).__name__ for e in account.fetch([(old, None)])]
    third = everything[-3]
    third.delete()  # for good
    fourth = everything[-4]
    fourth.move_to_trash()
    out["trash"] = account.trash.filter(subject=fourth.subject).count()
    fifth = everything[-5]
    fifth.copy(abuse)
    out["sync_second"] = sorted(kind for kind, i in inbox.sync_items(only_fields=["subject"]))

    made = Message(account=account, folder=abuse, mime_content=b"From: a@b.example\r\nTo: soc@corp.example\r\nSubject: loaded\r\n\r\nhello\r\n")
    made.save()
    out["made"] = abuse.get(subject="loaded").mime_content.decode()
    made = Message(account=account, folder=abuse, subject="wörds", body="text", to_recipients=["x@y.example"])
    made.save()
    out["made_plain"] = [abuse.get(subject="wörds").body, abuse.get(subject="wörds").to_recipients[0].email_address]
    abuse.refresh()
    out["abuse"] = abuse.total_count
    return out


print(json.dumps([look(want) for want in json.loads(sys.argv[1])]))
