"""Regular expressions: CPython's parser and compiler, and RustPython's engine, behind functions
that say what CPython's do. Flags are plain numbers: that module takes half of a start's fuel to
make an enumeration of them."""

import _sre
from . import _compiler, _parser

__all__ = [
    "A", "ASCII", "DOTALL", "I", "IGNORECASE", "L", "LOCALE", "M", "MULTILINE", "Match", "NOFLAG",
    "Pattern", "PatternError", "S", "U", "UNICODE", "VERBOSE", "X", "compile", "error", "escape",
    "findall", "finditer", "fullmatch", "match", "purge", "search", "split", "sub", "subn",
]

NOFLAG = 0
ASCII = A = _compiler.SRE_FLAG_ASCII
IGNORECASE = I = _compiler.SRE_FLAG_IGNORECASE
LOCALE = L = _compiler.SRE_FLAG_LOCALE
UNICODE = U = _compiler.SRE_FLAG_UNICODE
MULTILINE = M = _compiler.SRE_FLAG_MULTILINE
DOTALL = S = _compiler.SRE_FLAG_DOTALL
VERBOSE = X = _compiler.SRE_FLAG_VERBOSE

PatternError = error = _compiler.PatternError

_KEPT_MAX = 256
_patterns = {}
_templates = {}


def _kept(cache, key, value):
    if len(cache) >= _KEPT_MAX:
        del cache[next(iter(cache))]
    cache[key] = value
    return value


def compile(pattern, flags=0):
    key = (type(pattern), pattern, flags)
    found = _patterns.get(key)
    if found is not None:
        return found
    if isinstance(pattern, Pattern):
        if flags:
            raise ValueError("cannot process flags argument with a compiled pattern")
        return pattern
    if not isinstance(pattern, (str, bytes)):
        raise TypeError("first argument must be string or compiled pattern")
    return _kept(_patterns, key, _compiler.compile(pattern, flags))


def _compile_template(pattern, repl):
    # The engine asks for it, and hashes both.
    found = _templates.get((pattern, repl))
    if found is not None:
        return found
    made = _sre.template(pattern, _parser.parse_template(repl, pattern))
    return _kept(_templates, (pattern, repl), made)


def match(pattern, string, flags=0):
    return compile(pattern, flags).match(string)


def fullmatch(pattern, string, flags=0):
    return compile(pattern, flags).fullmatch(string)


def search(pattern, string, flags=0):
    return compile(pattern, flags).search(string)


def sub(pattern, repl, string, count=0, flags=0):
    return compile(pattern, flags).sub(repl, string, count)


def subn(pattern, repl, string, count=0, flags=0):
    return compile(pattern, flags).subn(repl, string, count)


def split(pattern, string, maxsplit=0, flags=0):
    return compile(pattern, flags).split(string, maxsplit)


def findall(pattern, string, flags=0):
    return compile(pattern, flags).findall(string)


def finditer(pattern, string, flags=0):
    return compile(pattern, flags).finditer(string)


def purge():
    _patterns.clear()
    _templates.clear()


_SPECIAL = {byte: "\\" + chr(byte) for byte in b"()[]{}?*+-|^$\\.&~# \t\n\r\v\f"}


def escape(pattern):
    if isinstance(pattern, str):
        return pattern.translate(_SPECIAL)
    return str(pattern, "latin1").translate(_SPECIAL).encode("latin1")


_empty = _compiler.compile("", 0)
Pattern = type(_empty)
Match = type(_empty.match(""))
