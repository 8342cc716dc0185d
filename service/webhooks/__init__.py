"""Messages to whoever waits for a result, as Standard Webhooks says.

Files named after steps: `signing`, `addresses` (where a message may go), `posting` (one POST),
`schedule` (when it is tried again), `store` (where it waits) and `sender`, which joins them.
"""

from service.webhooks.addresses import AddressGuard, Target, networks
from service.webhooks.posting import Answer, Post, post
from service.webhooks.schedule import STANDARD_SCHEDULE, Schedule
from service.webhooks.sender import Delivery, WebhookSender
from service.webhooks.signing import (
    TOLERANCE_S,
    new_secret,
    parse_secret,
    signed_headers,
    verify,
)
from service.webhooks.store import DeliveryStore, Message

__all__ = [
    "STANDARD_SCHEDULE",
    "TOLERANCE_S",
    "AddressGuard",
    "Answer",
    "Delivery",
    "DeliveryStore",
    "Message",
    "Post",
    "Schedule",
    "Target",
    "WebhookSender",
    "networks",
    "new_secret",
    "parse_secret",
    "post",
    "signed_headers",
    "verify",
]
