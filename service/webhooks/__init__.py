"""Messages to whoever waits for a result, as Standard Webhooks says.

Files named after steps: `signing`, `signing_keys` (whose), `addresses` (where a message may go), `posting` (one POST),
`schedule` (when it is tried again), `store` (where it waits), `sender`, which joins them, and
`delivering`, which keeps at it.
"""

from service.webhooks.addresses import AddressGuard, Target, networks, receiver_of, shown
from service.webhooks.delivering import Delivering
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
from service.webhooks.signing_keys import SigningKeys, parse_secrets
from service.webhooks.store import DeliveryStore, Message, State

__all__ = [
    "STANDARD_SCHEDULE",
    "TOLERANCE_S",
    "AddressGuard",
    "Answer",
    "Delivering",
    "Delivery",
    "DeliveryStore",
    "Message",
    "Post",
    "Schedule",
    "SigningKeys",
    "State",
    "Target",
    "WebhookSender",
    "networks",
    "new_secret",
    "parse_secret",
    "parse_secrets",
    "post",
    "receiver_of",
    "shown",
    "signed_headers",
    "verify",
]
