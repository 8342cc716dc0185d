"""What was done, by whom and when: lines that are only ever added, each chained to the one before.

`entry` is one line, `log` adds lines, `verification` finds the first line that is not as it was
written; `requester` tells who asks.
"""

from service.audit.entry import Anchor, AuditEntry, Event, Who, parse_anchor
from service.audit.log import AuditLog, read_head
from service.audit.requester import asked_by, asking
from service.audit.verification import Verdict, entries_of, verify

__all__ = [
    "Anchor",
    "AuditEntry",
    "AuditLog",
    "Event",
    "Verdict",
    "Who",
    "asked_by",
    "asking",
    "entries_of",
    "parse_anchor",
    "read_head",
    "verify",
]
