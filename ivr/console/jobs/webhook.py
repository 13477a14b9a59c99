"""Sends notifications to a webhook as JSON, signed with HMAC-SHA256 over time and body in the way of Stripe.

The scheme is described at https://docs.stripe.com/webhooks#verify-manually.  ``verify`` shows the receiver's part.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time

import httpx

from ivr.console.api.messages import message_summary, to_datetime
from ivr.console.context import Context
from ivr.core.errors import NotDelivered
from ivr.store.rows import DeliveryRow, MessageRow

TIMEOUT_S = 10.0
"""Longest silence of the receiver, in seconds."""
WHOLE_S = 30.0
"""Longest attempt, in seconds: a receiver that sends a byte now and then holds the channel no longer."""
SIGNATURE = "Accueil-Signature"
TOLERANCE_S = 300.0
"""A receiver refuses older signatures, because the request may be a replay."""


class WebhookJob:
    """Posts to ``notify.webhook``."""

    channel = "webhook"

    def __init__(self, context: Context) -> None:
        self._url = context.callflow.notify.webhook
        self._secret = context.settings.secrets["WEBHOOK_SECRET"]

    async def send(self, delivery: DeliveryRow, message: MessageRow) -> None:
        """Post one notification; raises NotDelivered unless the status is 2xx.  Redirects are not followed."""
        if not self._url:
            raise NotDelivered("notify.webhook is empty now")
        body = compose(delivery, message)
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: sign(self._secret, body, int(time.time())),
            "Idempotency-Key": delivery.id,
        }
        try:
            async with asyncio.timeout(WHOLE_S), httpx.AsyncClient(timeout=TIMEOUT_S) as client:
                # the body is not read: a receiver may answer without end
                async with client.stream("POST", self._url, content=body, headers=headers) as answer:
                    pass
        except TimeoutError:
            raise NotDelivered(f"webhook: no answer within {WHOLE_S:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise NotDelivered(f"webhook: {type(error).__name__}") from None
        if not answer.is_success:
            raise NotDelivered(f"webhook: HTTP {answer.status_code}")


def compose(delivery: DeliveryRow, message: MessageRow) -> bytes:
    """The body: the kind of notification, and the message as the API returns it now."""
    content = {
        "id": delivery.id,
        "type": delivery.kind,
        "created": to_datetime(delivery.created).isoformat(),
        "message": message_summary(message).model_dump(mode="json"),
    }
    return json.dumps(content, ensure_ascii=False).encode()


def sign(secret: str, body: bytes, at: int) -> str:
    """The value of the signature header for ``body``; ``at`` is the time in seconds since 1970."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def verify(secret: str, body: bytes, header: str, now: float) -> bool:
    """Whether the signature ``header`` fits ``body`` and is recent; ``now`` is in seconds since 1970."""
    fields = dict(part.partition("=")[::2] for part in header.split(","))
    at = fields.get("t", "")
    if not at.isascii() or not at.isdigit() or abs(now - int(at)) > TOLERANCE_S:
        return False
    return hmac.compare_digest(sign(secret, body, int(at)).encode(), header.encode())
