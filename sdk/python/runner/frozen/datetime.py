"""The module `datetime`, whose `now` and `today` are when the event came in."""

from _datetime import *
from _datetime import UTC, __doc__
