"""Messages to one addressee each, over SendGrid, SMTP or a folder, with receipts and typed failures.

Knows nothing of breaches and of the rest of this repository. The names below are enough to send; adapters
stay in their modules (`notifications.sendgrid`, `.smtp`, `.outbox`, `.memory`, `.paging`, `.webhook`) and are
imported only when used.
"""

from notifications.channel import Channel, Receipt, ReceiptState, channel_from
from notifications.errors import (
    InvalidMessageError,
    NotificationError,
    OutcomeUnknownError,
    PermanentError,
    SignatureError,
    TransientError,
)
from notifications.message import Address, Message, message_id_for, to_mime

__all__ = [
    "Address",
    "Channel",
    "InvalidMessageError",
    "Message",
    "NotificationError",
    "OutcomeUnknownError",
    "PermanentError",
    "Receipt",
    "ReceiptState",
    "SignatureError",
    "TransientError",
    "channel_from",
    "message_id_for",
    "to_mime",
]
