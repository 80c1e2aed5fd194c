# What a script of the Python runner finds, for editors and for type checks. It is there without an
# import; `from forebay import Event, Output` is for who wants to see where names come from.

from datetime import datetime
from typing import Any, Iterator, Mapping, Sequence, Union

class Event:
    """What happened. It ends with its turn: a kept one raises RuntimeError."""

    id: str
    type: str
    key: str
    """"" when the event has none."""
    source: str
    offset: int
    time_ns: int
    time: datetime
    """When the event came in, in UTC."""
    runs: int
    """How often this filter has been shown the event before."""
    headers: dict[str, str]
    """By name in lower case; of several values of one name the first."""
    header_list: list[tuple[str, Union[str, bytes]]]
    """All of them in their order; a value that is not UTF-8 is bytes."""
    body: bytes
    is_json: bool
    is_timer: bool
    is_replay: bool
    is_dry_run: bool

    def header(self, name: str) -> str | None:
        """The first value of a header, in whatever case it is named."""

    def text(self) -> str:
        """The body; what is not UTF-8 becomes U+FFFD."""

    def json(self) -> Any:
        """The body's value; raises json.JSONDecodeError."""

_Value = Union[str, bytes, int, float, bool]
_Headers = Union[Mapping[str, Union[_Value, Sequence[_Value], None]], Sequence[tuple[str, _Value]]]

class Output(dict[str, Any]):
    """What goes on in the place of an event. What is left out, or None, is the event's own."""

    def __init__(
        self,
        *,
        key: str | int | None = None,
        type: str | None = None,
        headers: _Headers | None = None,
        body: Any = None,
    ) -> None: ...

class Reject(Exception):
    reason: str
    def __init__(self, reason: str = ...) -> None: ...

class Retry(Exception):
    delay_ms: int
    reason: str
    def __init__(self, delay_ms: float, reason: str = "") -> None: ...

Answer = Union[bool, Event, dict[str, Any], Reject, Retry, Sequence[Any], Iterator[Any]]

def reject(reason: str = ...) -> Reject:
    """Returned or raised: the event becomes a dead letter, with the reason."""

def retry(delay_ms: float, reason: str = "") -> Retry:
    """Returned or raised: the event is shown again, not before so many milliseconds."""

def log(level: str, text: str) -> None:
    """One line to the operator; a level is "debug", "info", "warn" or "error"."""

def count(name: str, by: float = 1) -> None: ...
def gauge(name: str, value: float) -> None: ...
def random() -> int:
    """64 bits, seeded by module, configuration and the event's offset."""

def table_get(table: str, key: Union[str, bytes]) -> bytes | None:
    """A value of a lookup table; None where the table or the key is not there."""
