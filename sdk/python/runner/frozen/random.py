"""Of CPython's module `random` what filters use. Its source is the event's own: no seed."""

from _host import random as _bits64

__all__ = [
    "choice", "choices", "getrandbits", "randint", "random", "randrange", "sample", "shuffle",
    "uniform",
]


def random():
    return (_bits64() >> 11) * 2.0**-53


def getrandbits(k):
    if k < 0:
        raise ValueError("number of bits must be non-negative")
    bits = 0
    for _ in range((k + 63) // 64):
        bits = bits << 64 | _bits64()
    return bits >> (-k % 64)


def _below(n):
    if n <= 0:
        raise ValueError("empty range")
    while (bits := getrandbits(n.bit_length())) >= n:
        pass
    return bits


def randrange(start, stop=None, step=1):
    numbers = range(start) if stop is None else range(start, stop, step)
    return numbers[_below(len(numbers))]


def randint(a, b):
    return a + _below(b - a + 1)


def uniform(a, b):
    return a + (b - a) * random()


def choice(seq):
    return seq[_below(len(seq))]


def choices(population, *, k=1):
    return [choice(population) for _ in range(k)]


def shuffle(x):
    for i in range(len(x) - 1, 0, -1):
        j = _below(i + 1)
        x[i], x[j] = x[j], x[i]


def sample(population, k):
    pool = list(population)
    if not 0 <= k <= len(pool):
        raise ValueError("Sample larger than population or is negative")
    shuffle(pool)
    return pool[:k]
