"""Owns e-mail: one message to one person, over the server that the installation names.

Never: retries; the server's password in an error.
"""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from typing import Final
from urllib.parse import unquote, urlsplit

from pipeline.models import Notification

TIMEOUT_SECONDS: Final = 15.0
_LAST_TEMPORARY: Final = 499
_FIRST_TEMPORARY: Final = 400
_SUBJECTS: Final = {
    "run_failed": "A run failed",
    "credits_low": "Credits are low",
    "site_failing": "A site takes no articles",
    "review_waiting": "Articles wait for approval",
    "publication_stuck": "An article needs you",
    "automation_paused": "A schedule paused itself",
}


class NotSentError(Exception):
    """The server did not take the message; its text says why. It may be tried again."""


class RefusedMailError(Exception):
    """The server will never take the message; its text says why."""


def letter(notification: Notification, *, to: str, sender: str, public_id: str) -> EmailMessage:
    """A notification as a message; its id is the same at every try."""
    message = EmailMessage()
    message["Subject"] = f"IGNY8: {_SUBJECTS.get(notification.kind.value, notification.kind.value)}"
    message["From"], message["To"] = sender, to
    message["Date"] = notification.created_at
    message["Message-ID"] = f"<{public_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{notification.message}\n\n-- \nIGNY8 notification {notification.id}\n")
    return message


def send(smtp_url: str, message: EmailMessage) -> str:
    """Hand it to the server; what that said. NotSentError or RefusedMailError."""
    try:
        with _connected(smtp_url) as server:
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _refusal(code, said) from None
    except smtplib.SMTPAuthenticationError as error:
        # Whoever runs the installation can put that right; the message can wait.
        raise NotSentError(str(_refusal(error.smtp_code, error.smtp_error))) from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, error.smtp_error) from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotSentError(f"The mail server could not be used: {error or type(error).__name__}.") from None
    return "The mail server took it."


def _connected(smtp_url: str) -> smtplib.SMTP:
    parts = urlsplit(smtp_url)
    host = parts.hostname or ""
    trust = ssl.create_default_context()
    server: smtplib.SMTP
    if parts.scheme == "smtps":
        server = smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT_SECONDS, context=trust)
    else:
        server = smtplib.SMTP(host, parts.port or 25, timeout=TIMEOUT_SECONDS)
    try:
        server.ehlo()
        if parts.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=trust)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
    except BaseException:
        server.close()
        raise
    return server


def _refusal(code: int, said: bytes | str) -> Exception:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    sentence = f"The mail server answered {code}: {' '.join(text.split())}."
    if _FIRST_TEMPORARY <= code <= _LAST_TEMPORARY:
        return NotSentError(sentence)
    return RefusedMailError(sentence)
