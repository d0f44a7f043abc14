"""Everything that a program may print of a value or an error, as texts.

An error is shown by the standard library with locals, by rich with locals, by cgitb where it still exists (it left the
standard library with Python 3.13), and by a stricter printer of its own kind here: the repr of every local, the
contents of every container among them, and the value of every name and dotted name on the failing line. Frames of
the tests are left out: a caller's own frames hold the caller's own variables.
"""

import contextlib
import keyword
import linecache
import logging
import pprint
import tokenize
import traceback
import types
import warnings
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import attrs
import rich.pretty
from rich.traceback import Traceback

from packcloud_async import PackCloudError

from .canaries import Seen

TESTS = str(Path(__file__).parent.parent)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    try:
        import cgitb
    except ImportError:
        cgitb = None


def values(where: str, value: object) -> Iterator[Seen]:
    """A value as it is printed, plainly and prettily, and the errors in it with all that is shown of them."""
    yield Seen(f"{where}: repr of {type(value).__name__}", repr(value))
    yield Seen(f"{where}: str of {type(value).__name__}", str(value))
    yield Seen(f"{where}: rich of {type(value).__name__}", rich.pretty.pretty_repr(value, max_width=10_000))
    yield Seen(f"{where}: pprint of {type(value).__name__}", pprint.pformat(value, width=10_000))
    for error in _errors_in(value):
        yield from errors(where, error)


def errors(where: str, error: BaseException, *, but: Sequence[BaseException] = ()) -> Iterator[Seen]:
    """An error as it is shown, and everything chained to it, hidden or not, without those in ``but``."""
    chain = [link for link in chain_of(error) if not any(link is other for other in but)]
    for link in chain:
        name = f"{where}: {type(link).__name__}"
        yield Seen(f"{name}: str", str(link))
        yield Seen(f"{name}: repr", repr(link))
        yield Seen(f"{name}: args", repr(link.args))
        yield Seen(f"{name}: attributes", repr(vars(link)))
        yield Seen(f"{name}: notes", repr(getattr(link, "__notes__", ())))
        yield from _traceback(name, link)


def records(where: str, logged: Sequence[logging.LogRecord]) -> Iterator[Seen]:
    """Log records: their text, all their fields, and the errors they carry.

    An error in a record of another library is printed as every formatter prints it, without locals: asyncio in debug
    mode records a broken connection with its own frames, which hold the bytes that were to be written.
    """
    for record in logged:
        yield Seen(f"{where}: log record of {record.name}", record.getMessage())
        yield Seen(f"{where}: fields of a log record of {record.name}", repr(vars(record)))
        if record.exc_info and record.exc_info[1] is not None:
            yield Seen(f"{where}: traceback of a log record", "".join(traceback.format_exception(record.exc_info[1])))
            if record.name.startswith("packcloud_async"):
                yield from errors(f"{where}: log record", record.exc_info[1])


def chain_of(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        link = waiting.pop()
        if link is not None and not any(link is other for other in found):
            found.append(link)
            waiting += [link.__cause__, link.__context__, *getattr(link, "exceptions", ())]
    return found


def _traceback(name: str, link: BaseException) -> Iterator[Seen]:
    trace = _without_the_tests(link.__traceback__)
    if trace is None:
        return
    lone = _alone(link)
    shown = traceback.TracebackException(type(lone), lone, trace, capture_locals=True)
    yield Seen(f"{name}: traceback with locals", "".join(shown.format()))
    yield Seen(f"{name}: rich traceback with locals", _rich(lone, trace))
    if cgitb is not None:
        # It gives up where a property named on a failing line raises; the printer below goes on.
        with contextlib.suppress(PackCloudError):
            yield Seen(f"{name}: cgitb", cgitb.text((type(lone), lone, trace)))
    for frame, line in traceback.walk_tb(trace):
        place = f"{name}: {Path(frame.f_code.co_filename).name}:{line} {frame.f_code.co_name}"
        for local, value in frame.f_locals.items():
            yield from (Seen(f"{place}: {local}", text) for text in _walked(value))
        for expression, value in _named_on_the_line(frame, line):
            yield Seen(f"{place}: {expression}", _repr(value))


def _alone(link: BaseException) -> BaseException:
    # The printers would follow its chain, whose tracebacks still have the frames of the tests; each link has its turn.
    class Alone(Exception):
        pass

    return Alone(str(link))


def _without_the_tests(trace: TracebackType | None) -> TracebackType | None:
    if trace is None:
        return None
    rest = _without_the_tests(trace.tb_next)
    if trace.tb_frame.f_code.co_filename.startswith(TESTS):
        return rest
    return types.TracebackType(rest, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)


def _rich(error: BaseException, trace: TracebackType) -> str:
    extracted = Traceback.extract(
        type(error), error, trace, show_locals=True, locals_max_length=None, locals_max_string=None
    )
    return "\n".join(
        f"{name} = {node}"
        for stack in extracted.stacks
        for frame in stack.frames
        for name, node in (frame.locals or {}).items()
    )


def _walked(value: object, depth: int = 4) -> Iterator[str]:
    """What is found by walking through containers, whatever their own repr hides, as reporters of errors do."""
    yield _repr(value)
    if isinstance(value, str | bytes) or not depth:
        return
    try:
        if isinstance(value, Mapping):
            inner = [item for pair in value.items() for item in pair]
        else:
            inner = list(value) if isinstance(value, Sequence | Set) else []
    except Exception:  # noqa: BLE001 - a half-built object may not be iterable yet
        return
    for item in inner[:100]:
        yield from _walked(item, depth - 1)


def _named_on_the_line(frame: FrameType, line: int) -> Iterator[tuple[str, object]]:
    """Every name and dotted name of the logical line that failed, with its value, in the manner of cgitb."""
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)[line - 1 :]
    previous, value, expression, is_dotted = "", None, "", False
    missing = object()
    value = missing
    try:
        for token in tokenize.generate_tokens(iter(lines).__next__):
            if token.type == tokenize.NEWLINE:
                return
            if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
                if is_dotted and previous == ".":
                    value = _attribute(value, token.string, missing)
                    expression += f".{token.string}"
                else:
                    scope = frame.f_locals if token.string in frame.f_locals else frame.f_globals
                    value, expression = scope.get(token.string, missing), token.string
                if value is not missing:
                    yield expression, value
                is_dotted = True
            elif token.string != ".":
                is_dotted = False
            previous = token.string
    except (tokenize.TokenError, StopIteration, IndentationError, SyntaxError):
        return


def _attribute(value: object, name: str, missing: object) -> object:
    try:
        return missing if value is missing else getattr(value, name, missing)
    except Exception:  # noqa: BLE001 - a property may raise what it likes
        return missing


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001
        return f"unprintable: {type(error).__name__}"


def _errors_in(value: object, depth: int = 8) -> Iterator[BaseException]:
    if isinstance(value, BaseException):
        yield value
    elif not depth or isinstance(value, str | bytes):
        return
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from _errors_in(getattr(value, field.name, None), depth - 1)
    elif isinstance(value, Mapping):
        yield from _errors_in(list(value.values()), depth)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _errors_in(item, depth - 1)
