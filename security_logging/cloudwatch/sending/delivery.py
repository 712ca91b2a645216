"""Deliver events to CloudWatch Logs and say of each what became of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from security_logging.cloudwatch.sending.batches import MAX_MESSAGE_BYTES, LogEvent, batches, message_bytes

MAX_AGE = 14 * 24 * 3600 * 1000  # milliseconds; PutLogEvents takes nothing that is older
_TOO_OLD = "older than 14 days or than the retention"
_MAX_PIECES = 64  # puts that one batch may cost when CloudWatch refuses something in it
_REFUSED = {"InvalidParameterException", "ParamValidationError", "SerializationException", "ValidationException"}
_STREAM_MAY_EXIST = {"ResourceAlreadyExistsException", "OperationAbortedException", "AccessDeniedException", "403"}
# Names of errors of AWS and exceptions of botocore that other credentials may mend.
_OF_CREDENTIALS = re.compile(
    "credential|token|signature|accessdenied|unrecognizedclient|profile|metadata|sso|401|403", re.IGNORECASE
)


@dataclass
class Delivered:
    """What became of the events: each is in exactly one of the three lists."""

    sent: list[LogEvent] = field(default_factory=list)
    refused: list[tuple[LogEvent, str]] = field(default_factory=list)  # with the reason; sending again is useless
    unsent: list[LogEvent] = field(default_factory=list)  # to be sent again later
    error: str = ""  # why some are unsent


class Delivery:
    """
    Send to CloudWatch Logs; after the first failure nothing more of the same call is tried.

    `connect` returns a client of the service "logs" and is called at the first delivery, so that neither boto3 nor a
    socket exists before, and again after a failure that has to do with credentials: boto3 keeps those that it found
    first. Nothing here raises for anything that AWS, the network or the credentials do.
    """

    def __init__(self, connect: Callable[[], Any], *, now: Callable[[], float] = time.time) -> None:
        """Keep `connect` for later; `now` returns seconds since 1970."""
        self._now = now
        self._connect = connect
        self._client: Any = None
        self._streams: set[tuple[str, str]] = set()
        self.error = ""  # of the last call; empty after a success

    def disconnect(self) -> None:
        """Have the next delivery make a new client."""
        self._client = None

    def send(self, group: str, stream: str, events: Iterable[LogEvent]) -> Delivered:
        """Send the events; those too large or too old for CloudWatch are refused here."""
        receipt = Delivered()
        oldest = int(self._now() * 1000) - MAX_AGE
        fitting = [event for event in events if _surely_fits(event, oldest) or _fits(event, oldest, receipt)]
        self.error = ""
        for batch in batches(fitting):
            self._send_batch((group, stream), batch, receipt)
        return receipt

    def _send_batch(self, target: tuple[str, str], batch: list[LogEvent], receipt: Delivered) -> None:
        pieces, budget = [batch], _MAX_PIECES
        while pieces:
            piece = pieces.pop()
            if self.error:
                receipt.unsent.extend(piece)
                continue
            budget -= 1
            reason = self._attempt(target, piece, receipt)
            if reason and len(piece) > 1 and budget > 0:  # one bad event must not cost its neighbours
                middle = len(piece) // 2
                pieces += [piece[middle:], piece[:middle]]
            elif reason:
                receipt.refused.extend((event, reason) for event in piece)

    def _attempt(self, target: tuple[str, str], piece: list[LogEvent], receipt: Delivered) -> str:
        try:
            response = self._put(target, piece)
        # Whatever the library raises - and a plug-in for credentials may raise anything - means: not now.
        except Exception as error:  # noqa: BLE001
            if is_refusal(error):
                return describe(error)
            self.error = receipt.error = describe(error)
            receipt.unsent.extend(piece)
            if _OF_CREDENTIALS.search(code_of(error)):
                self.disconnect()
            return ""
        _settle(piece, response.get("rejectedLogEventsInfo") or {}, receipt)
        return ""

    def _put(self, target: tuple[str, str], piece: list[LogEvent]) -> Any:
        client = self._connected()
        if target not in self._streams:
            self._create_stream(client, target)
        try:
            return _put(client, target, piece)
        except Exception as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            self._create_stream(client, target)  # deleted meanwhile, or the right to create it came later
            return _put(client, target, piece)

    def _connected(self) -> Any:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _create_stream(self, client: Any, target: tuple[str, str]) -> None:
        group, stream = target
        try:
            client.create_log_stream(logGroupName=group, logStreamName=stream)
        except Exception as error:
            if code_of(error) not in _STREAM_MAY_EXIST:
                raise
        self._streams.add(target)


def code_of(error: Exception) -> str:
    """Return the error code of AWS, or the name of the exception where AWS has not answered."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


def is_refusal(error: Exception) -> bool:
    """Return whether sending the same events again would fail the same way."""
    named_wrongly = "logGroupName" in str(error) or "logStreamName" in str(error)
    return code_of(error) in _REFUSED and not named_wrongly


def describe(error: Exception) -> str:
    """Return the error in one line; a signature error repeats the session token, so its text is left out."""
    return f"{code_of(error)}: {error}"[:200] if code_of(error) in _REFUSED else code_of(error)


def _put(client: Any, target: tuple[str, str], piece: list[LogEvent]) -> Any:
    group, stream = target
    try:
        return client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=piece)
    except Exception as error:
        if code_of(error) != "DataAlreadyAcceptedException":
            raise
        return {}


def _surely_fits(event: LogEvent, oldest: int) -> bool:
    return event["timestamp"] >= oldest and 0 < len(event["message"]) <= MAX_MESSAGE_BYTES // 4


def _fits(event: LogEvent, oldest: int, receipt: Delivered) -> bool:
    # AWS names the old events of a batch by an index that its own documentation and its imitations read differently.
    if event["timestamp"] < oldest:
        receipt.refused.append((event, _TOO_OLD))
        return False
    size = message_bytes(event["message"])
    if 0 < size <= MAX_MESSAGE_BYTES:
        return True
    receipt.refused.append((event, f"the message has {size} bytes, CloudWatch takes 1 to {MAX_MESSAGE_BYTES}"))
    return False


def _settle(piece: list[LogEvent], rejected: dict[str, int], receipt: Delivered) -> None:
    expired, old = rejected.get("expiredLogEventEndIndex", 0), rejected.get("tooOldLogEventEndIndex", 0)
    first, new = max(expired, old), rejected.get("tooNewLogEventStartIndex", len(piece))
    receipt.refused.extend((event, _TOO_OLD) for event in piece[:first])
    receipt.sent.extend(piece[first:new])
    receipt.refused.extend((event, "more than 2 hours in the future") for event in piece[new:])
