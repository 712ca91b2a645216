from __future__ import annotations

from typing import Any

import pytest

from security_logging.cloudwatch.sending import delivery as sending
from security_logging.cloudwatch.sending.batches import MAX_MESSAGE_BYTES, LogEvent
from security_logging.cloudwatch.sending.delivery import code_of, describe

GROUP, STREAM = "/shop/test/security", "web1/security"


def Delivery(*args: Any, **options: Any) -> sending.Delivery:  # noqa: N802  # reads as the class
    """Return a delivery that lives in 1970, as its events do."""
    return sending.Delivery(*args, now=lambda: 0, **options)


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


def events(*messages: str) -> list[LogEvent]:
    """Return events with those messages, a millisecond apart."""
    return [LogEvent(timestamp=number, message=message) for number, message in enumerate(messages)]


def test_success() -> None:
    """What CloudWatch took is sent, and nothing else is said."""
    client = Client()
    receipt = Delivery(lambda: client).send(GROUP, STREAM, events("a", "b"))
    assert (receipt.sent, receipt.refused, receipt.unsent, receipt.error) == (events("a", "b"), [], [], "")


def test_stream_first() -> None:
    """The stream is created before the first put, and once."""
    client = Client()
    delivery = Delivery(lambda: client)
    delivery.send(GROUP, STREAM, events("a"))
    delivery.send(GROUP, STREAM, events("b"))
    assert client.made == [STREAM]


@pytest.mark.parametrize("code", ["ResourceAlreadyExistsException", "AccessDeniedException"])
def test_stream_made_by_somebody_else(code: str) -> None:
    """A stream that exists, or that the writer may not create, does not hinder the put."""
    client = Client(streams=[AWSError(code)])
    assert len(Delivery(lambda: client).send(GROUP, STREAM, events("a")).sent) == 1


def test_stream_that_vanished() -> None:
    """A stream that somebody deleted is created again."""
    client = Client(puts=[AWSError("ResourceNotFoundException")])
    receipt = Delivery(lambda: client).send(GROUP, STREAM, events("a"))
    assert (len(receipt.sent), client.made) == (1, [STREAM, STREAM])


def test_connection_made_late() -> None:
    """There is no client before there is something to send."""
    made: list[Client] = []

    def connect() -> Client:
        made.append(Client())
        return made[-1]

    delivery = Delivery(connect)
    before = len(made)
    delivery.send(GROUP, STREAM, events("a"))
    delivery.send(GROUP, STREAM, events("a"))
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
    receipt = Delivery(lambda: client).send(GROUP, STREAM, events("a"))
    assert (receipt.unsent, receipt.error) == (events("a"), describe(error))


def test_client_that_cannot_be_made() -> None:
    """No credentials is a failure like any other."""

    def connect() -> Client:
        raise RuntimeError("NoCredentials")

    assert len(Delivery(connect).send(GROUP, STREAM, events("a")).unsent) == 1


def test_stream_that_cannot_be_made() -> None:
    """While the group is missing nothing is lost."""
    client = Client(streams=[AWSError("ResourceNotFoundException")])
    assert len(Delivery(lambda: client).send(GROUP, STREAM, events("a")).unsent) == 1


@pytest.mark.parametrize(
    "error",
    [
        AWSError("ExpiredTokenException"),
        AWSError("UnrecognizedClientException"),
        AWSError("InvalidSignatureException"),
        AWSError("AccessDeniedException"),
        type("NoCredentialsError", (Exception,), {})(),
        type("CredentialRetrievalError", (Exception,), {})(),
        type("ProfileNotFound", (Exception,), {})(),
    ],
    ids=code_of,
)
def test_new_client_after_a_failure_of_credentials(error: Exception) -> None:
    """After a failure that other credentials may mend, the next delivery makes a client that looks for them anew."""
    clients = [Client(puts=[error]), Client()]
    delivery = Delivery(iter(clients).__next__)
    delivery.send(GROUP, STREAM, events("a"))
    assert (len(delivery.send(GROUP, STREAM, events("a")).sent), len(clients[1].got)) == (1, 1)


@pytest.mark.parametrize("error", [AWSError("ThrottlingException"), OSError()], ids=["throttled", "network"])
def test_same_client_after_other_failures(error: Exception) -> None:
    """What credentials have nothing to do with costs no new client."""
    client = Client(puts=[error])
    delivery = Delivery(iter([client]).__next__)
    delivery.send(GROUP, STREAM, events("a"))
    assert len(delivery.send(GROUP, STREAM, events("a")).sent) == 1


def test_batches_after_a_failure() -> None:
    """After the first failure the other batches are not tried."""
    client = Client(puts=[OSError()])
    receipt = Delivery(lambda: client).send(GROUP, STREAM, events(*["a"] * 10_001))
    assert (len(receipt.unsent), client.got) == (10_001, [])


def test_poisoned_event() -> None:
    """One event that CloudWatch refuses does not cost its neighbours."""
    client = Client()
    client.poison = "c"
    receipt = Delivery(lambda: client).send(GROUP, STREAM, events("a", "b", "c", "d"))
    refused = [event["message"] for event, _reason in receipt.refused]
    assert (sorted(event["message"] for event in receipt.sent), refused) == (["a", "b", "d"], ["c"])


def test_reason_of_a_refusal() -> None:
    """A refused event carries what CloudWatch said."""
    client = Client()
    client.poison = "c"
    assert Delivery(lambda: client).send(GROUP, STREAM, events("c")).refused == [
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
    receipt = Delivery(lambda: client).send(GROUP, STREAM, events(*["a"] * 1000))
    assert (len(receipt.refused), len(calls) < 200) == (1000, True)


def test_duplicate() -> None:
    """Events that CloudWatch has already are sent."""
    client = Client(puts=[AWSError("DataAlreadyAcceptedException")])
    assert len(Delivery(lambda: client).send(GROUP, STREAM, events("a")).sent) == 1


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
    receipt = Delivery(lambda: client).send(GROUP, STREAM, events("a", "b", "c"))
    assert ([event["message"] for event in receipt.sent], len(receipt.refused)) == (sent, 3 - len(sent))


@pytest.mark.parametrize("message", ["", "x" * (MAX_MESSAGE_BYTES + 1)])
def test_size_of_a_message(message: str) -> None:
    """A message that no batch can hold is refused whole: cut JSON is no JSON."""
    client = Client()
    receipt = Delivery(lambda: client).send(GROUP, STREAM, events(message))
    assert (len(receipt.refused), client.got) == (1, [])


def test_largest_message() -> None:
    """The largest message that a batch can hold is sent, alone."""
    client = Client()
    receipt = Delivery(lambda: client).send(GROUP, STREAM, events("x" * MAX_MESSAGE_BYTES, "y"))
    assert (len(receipt.sent), [len(batch) for batch in client.got]) == (2, [1, 1])


def test_age() -> None:
    """An event older than 14 days is refused: CloudWatch would drop it."""
    client = Client()
    receipt = sending.Delivery(lambda: client, now=lambda: 14 * 24 * 3600 + 0.001).send(GROUP, STREAM, events("a", "b"))
    assert ([event["message"] for event in receipt.sent], len(receipt.refused)) == (["b"], 1)


def test_error_text() -> None:
    """A signature error repeats the session token, so only its code is kept."""
    assert describe(AWSError("SignatureDoesNotMatch", "x-amz-security-token:SECRET")) == "SignatureDoesNotMatch"


def test_code_of_a_plain_error() -> None:
    """An error before AWS answered is named by its class."""
    assert code_of(OSError()) == "OSError"
