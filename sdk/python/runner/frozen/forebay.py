"""What a script finds. See sdk/python/README.md and sdk/python/forebay.pyi."""

import builtins as _builtins
import time as _time

from _event import Event
from _host import count, gauge, log, now_ns as _now_ns, random, table_get

__all__ = [
    "Event", "Output", "Reject", "Retry", "count", "gauge", "log", "random", "reject", "retry",
    "table_get",
]


class Reject(Exception):
    def __init__(self, reason="rejected by the filter"):
        super().__init__(reason)
        self.reason = reason


class Retry(Exception):
    def __init__(self, delay_ms, reason=""):
        if isinstance(delay_ms, bool) or not isinstance(delay_ms, (int, float)) or delay_ms < 0:
            raise TypeError("retry wants milliseconds, from 0 on, and a reason")
        super().__init__(reason)
        self.delay_ms = min(int(delay_ms), 0xFFFFFFFF)
        self.reason = reason


class Output(dict):
    def __init__(self, *, key=None, type=None, headers=None, body=None):
        super().__init__(key=key, type=type, headers=headers, body=body)


def reject(reason="rejected by the filter"):
    return Reject(reason)


def retry(delay_ms, reason=""):
    return Retry(delay_ms, reason)


def _print(*parts, sep=" ", end=None, file=None, flush=False):
    log("info", (" " if sep is None else sep).join(map(str, parts)))


def _time_of(time_ns):
    from datetime import datetime, timedelta, timezone

    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=time_ns // 1000)


def _seconds():
    return _now_ns() / 1e9


def _seconds_of(moment):
    from datetime import datetime

    return (datetime(*moment[:6]) - datetime(1970, 1, 1)).total_seconds()


def _at(function):
    """Without a time, the module's functions would ask for the machine's."""
    def at(seconds=None):
        return function(_seconds() if seconds is None else seconds)
    return at


def _of(function, *before):
    def of(*given):
        return function(*given, *(() if len(given) > len(before) else (_time.gmtime(),)))
    return of


_builtins.print = _print
for _clock in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
    setattr(_time, _clock, _seconds)
    setattr(_time, _clock + "_ns", _now_ns)
_time.gmtime = _at(_time.gmtime)
_time.localtime = _time.gmtime
_time.asctime = _of(_time.asctime)
_time.ctime = lambda seconds=None: _time.asctime(_time.gmtime(seconds))
_time.mktime = _seconds_of
_time.strftime = _of(_time.strftime, "format")
if hasattr(_time, "sleep"):
    del _time.sleep
