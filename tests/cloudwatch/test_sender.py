from __future__ import annotations

from typing import Any

import pytest

from security_logging.cloudwatch import sender as sending
from security_logging.cloudwatch.batches import MAX_MESSAGE_BYTES, LogEvent
from security_logging.cloudwatch.sender import code_of, describe

GROUP, STREAM = "/shop/test/security", "web1/security"


def Sender(*args: Any, **options: Any) -> sending.Sender:  # noqa: N802  # reads as the class
    """Return a sender that lives in 1970, as its events do."""
    return sending.Sender(*args, now=lambda: 0, **options)


class AWSError(Exception):
    """An error as botocore raises it."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.response = {"Error": {"Code": code, "Message": message}}


class Client:
    """A client of CloudWatch Logs that fails as told, and keeps what it got."""

    def __init__(self, *, streams: list[Exception] | None = None, puts: list[Exception] | None = None) -> None:
        self.streams, self.puts = streams or [], puts or []
        self.made: list[str] = []
        self.got: list[list[LogEvent]] = []
        self.rejected: dict[str, int] = {}
        self.poison = ""

    def create_log_stream(self, logGroupName: str, logStreamName: str) -> None:
        self.made.append(logStreamName)
        if self.streams:
            raise self.streams.pop(0)

    def put_log_events(self, logGroupName: str, logStreamName: str, logEvents: list[LogEvent]) -> dict[str, Any]:
        if self.puts:
            raise self.puts.pop(0)
        if self.poison and any(event["message"] == self.poison for event in logEvents):
            raise AWSError("InvalidParameterException", "bad event")
        self.got.append(logEvents)
        return {"rejectedLogEventsInfo": self.rejected} if self.rejected else {}


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def events(*messages: str) -> list[LogEvent]:
    """Return events with those messages, a millisecond apart."""
    return [LogEvent(timestamp=number, message=message) for number, message in enumerate(messages)]


def test_success() -> None:
    """What CloudWatch took is sent, and nothing else is said."""
    client = Client()
    receipt = Sender(lambda: client).send(GROUP, STREAM, events("a", "b"))
    assert (receipt.sent, receipt.refused, receipt.unsent, receipt.error) == (events("a", "b"), [], [], "")


def test_stream_first() -> None:
    """The stream is created before the first put, and once."""
    client = Client()
    sender = Sender(lambda: client)
    sender.send(GROUP, STREAM, events("a"))
    sender.send(GROUP, STREAM, events("b"))
    assert client.made == [STREAM]


@pytest.mark.parametrize("code", ["ResourceAlreadyExistsException", "AccessDeniedException"])
def test_stream_made_by_somebody_else(code: str) -> None:
    """A stream that exists, or that the writer may not create, does not hinder the put."""
    client = Client(streams=[AWSError(code)])
    assert len(Sender(lambda: client).send(GROUP, STREAM, events("a")).sent) == 1


def test_stream_that_vanished() -> None:
    """A stream that somebody deleted is created again."""
    client = Client(puts=[AWSError("ResourceNotFoundException")])
    receipt = Sender(lambda: client).send(GROUP, STREAM, events("a"))
    assert (len(receipt.sent), client.made) == (1, [STREAM, STREAM])


def test_connection_made_late() -> None:
    """There is no client before there is something to send."""
    made: list[Client] = []

    def connect() -> Client:
        made.append(Client())
        return made[-1]

    sender = Sender(connect)
    before = len(made)
    sender.send(GROUP, STREAM, events("a"))
    sender.send(GROUP, STREAM, events("a"))
    assert (before, len(made)) == (0, 1)


@pytest.mark.parametrize(
    "error",
    [
        AWSError("ThrottlingException"),
        AWSError("AccessDeniedException"),
        AWSError("ServiceUnavailableException"),
        AWSError("UnrecognizedClientException"),
        AWSError("InvalidParameterException", "Value at 'logGroupName' failed to satisfy constraint"),
        OSError("network"),
        ValueError("Invalid endpoint"),
    ],
)
def test_failure_that_may_pass(error: Exception) -> None:
    """What may pass leaves the events unsent, with the reason."""
    client = Client(puts=[error])
    receipt = Sender(lambda: client).send(GROUP, STREAM, events("a"))
    assert (receipt.unsent, receipt.error) == (events("a"), describe(error))


def test_client_that_cannot_be_made() -> None:
    """No credentials is a failure like any other."""

    def connect() -> Client:
        raise RuntimeError("NoCredentials")

    assert len(Sender(connect).send(GROUP, STREAM, events("a")).unsent) == 1


def test_stream_that_cannot_be_made() -> None:
    """While the group is missing nothing is lost."""
    client = Client(streams=[AWSError("ResourceNotFoundException")])
    assert len(Sender(lambda: client).send(GROUP, STREAM, events("a")).unsent) == 1


def test_pause() -> None:
    """After a failure there is no call for a while."""
    client, clock = Client(puts=[OSError()]), Clock()
    sender = Sender(lambda: client, clock=clock, pause=10)
    sender.send(GROUP, STREAM, events("a"))
    clock.now = 9.9
    paused = sender.send(GROUP, STREAM, events("b"))
    clock.now = 10
    assert (paused.error, len(sender.send(GROUP, STREAM, events("c")).sent)) == ("OSError", 1)


def test_batches_after_a_failure() -> None:
    """After the first failure the other batches are not tried."""
    client = Client(puts=[OSError()])
    receipt = Sender(lambda: client).send(GROUP, STREAM, events(*["a"] * 10_001))
    assert (len(receipt.unsent), client.got) == (10_001, [])


def test_poisoned_event() -> None:
    """One event that CloudWatch refuses does not cost its neighbours."""
    client = Client()
    client.poison = "c"
    receipt = Sender(lambda: client).send(GROUP, STREAM, events("a", "b", "c", "d"))
    refused = [event["message"] for event, _reason in receipt.refused]
    assert (sorted(event["message"] for event in receipt.sent), refused) == (["a", "b", "d"], ["c"])


def test_reason_of_a_refusal() -> None:
    """A refused event carries what CloudWatch said."""
    client = Client()
    client.poison = "c"
    assert Sender(lambda: client).send(GROUP, STREAM, events("c")).refused == [
        (events("c")[0], "InvalidParameterException: bad event")
    ]


def test_everything_poisoned() -> None:
    """A batch in which everything is refused costs a bounded number of calls."""
    calls: list[int] = []

    class Refusing(Client):
        def put_log_events(self, logGroupName: str, logStreamName: str, logEvents: list[LogEvent]) -> dict[str, Any]:
            calls.append(len(logEvents))
            raise AWSError("InvalidParameterException")

    client = Refusing()
    receipt = Sender(lambda: client).send(GROUP, STREAM, events(*["a"] * 1000))
    assert (len(receipt.refused), len(calls) < 200) == (1000, True)


def test_duplicate() -> None:
    """Events that CloudWatch has already are sent."""
    client = Client(puts=[AWSError("DataAlreadyAcceptedException")])
    assert len(Sender(lambda: client).send(GROUP, STREAM, events("a")).sent) == 1


@pytest.mark.parametrize(
    ("rejected", "sent"),
    [
        ({"tooOldLogEventEndIndex": 1}, ["b", "c"]),
        ({"expiredLogEventEndIndex": 2}, ["c"]),
        ({"tooNewLogEventStartIndex": 1}, ["a"]),
        ({"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}, ["b"]),
    ],
)
def test_rejected_in_part(rejected: dict[str, int], sent: list[str]) -> None:
    """Events too old or too new are refused, the rest of their batch is sent."""
    client = Client()
    client.rejected = rejected
    receipt = Sender(lambda: client).send(GROUP, STREAM, events("a", "b", "c"))
    assert ([event["message"] for event in receipt.sent], len(receipt.refused)) == (sent, 3 - len(sent))


@pytest.mark.parametrize("message", ["", "x" * (MAX_MESSAGE_BYTES + 1)])
def test_size_of_a_message(message: str) -> None:
    """A message that no batch can hold is refused whole: cut JSON is no JSON."""
    client = Client()
    receipt = Sender(lambda: client).send(GROUP, STREAM, events(message))
    assert (len(receipt.refused), client.got) == (1, [])


def test_largest_message() -> None:
    """The largest message that a batch can hold is sent, alone."""
    client = Client()
    receipt = Sender(lambda: client).send(GROUP, STREAM, events("x" * MAX_MESSAGE_BYTES, "y"))
    assert (len(receipt.sent), [len(batch) for batch in client.got]) == (2, [1, 1])


def test_age() -> None:
    """An event older than 14 days is refused: CloudWatch would drop it."""
    client = Client()
    receipt = sending.Sender(lambda: client, now=lambda: 14 * 24 * 3600 + 0.001).send(GROUP, STREAM, events("a", "b"))
    assert ([event["message"] for event in receipt.sent], len(receipt.refused)) == (["b"], 1)


def test_error_text() -> None:
    """A signature error repeats the session token, so only its code is kept."""
    assert describe(AWSError("SignatureDoesNotMatch", "x-amz-security-token:SECRET")) == "SignatureDoesNotMatch"


def test_code_of_a_plain_error() -> None:
    """An error before AWS answered is named by its class."""
    assert code_of(OSError()) == "OSError"
