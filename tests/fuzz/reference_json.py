"""JSON read a third time, straight from the grammar of RFC 8259: slow, without recursion, and sharing no code.

It decides what the two readers of the package must agree on. Beyond the grammar, refused are what no float holds, half
of a surrogate pair, whole numbers of more than 4300 characters and nesting deeper than 500 levels.
"""

import re

LONGEST_WHOLE_NUMBER = 4300
DEEPEST = 500

_BLANK = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_CHARACTERS = re.compile(r'[^"\\\x00-\x1f]+')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS = {"true": True, "false": False, "null": None}
_END = object()


class NotJson(Exception):
    """The text is no JSON, or none that is read."""


def read(body, *, any_number=False):
    """Return the value of a document in bytes; raise :class:`NotJson`. ``any_number`` lets one be infinite."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotJson("encoding") from None
    return _Reader(text, any_number).document()


class _Reader:
    def __init__(self, text, any_number):
        self.text = text
        self.any_number = any_number
        self.at = 0
        # Containers that are still open, each with the key its next value belongs to.
        self.open = []

    def document(self):
        while True:
            value = self.next_value()
            if value is _END:
                continue
            while self.open:
                value = self.put(value)
                if value is _END:
                    break
            else:
                self.skip()
                if self.at != len(self.text):
                    raise NotJson("more after the end")
                return value

    def next_value(self):
        """Read a scalar or an empty container; a container with content is opened, and nothing returned."""
        self.skip()
        character = self.peek()
        if character in "[{" and character:
            if len(self.open) == DEEPEST:
                raise NotJson("depth")
            self.at += 1
            self.skip()
            container = [] if character == "[" else {}
            if self.takes("]" if character == "[" else "}"):
                return container
            self.open.append([container, None])
            if character == "{":
                self.open[-1][1] = self.key()
            return _END
        if character == '"':
            return self.string()
        for word, value in _LITERALS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        return self.number()

    def put(self, value):
        """Give a value to the innermost container; return that container when it is complete."""
        container, key = self.open[-1]
        if key is None:
            container.append(value)
        else:
            container[key] = value
        self.skip()
        if self.takes(","):
            if key is not None:
                self.skip()
                self.open[-1][1] = self.key()
            return _END
        if not self.takes("]" if key is None else "}"):
            raise NotJson("end of a container")
        self.open.pop()
        return container

    def key(self):
        if self.peek() != '"':
            raise NotJson("key")
        key = self.string()
        self.skip()
        if not self.takes(":"):
            raise NotJson("colon")
        return key

    def string(self):
        self.at += 1
        units = []
        while not self.takes('"'):
            if found := _CHARACTERS.match(self.text, self.at):
                units.append(found.group())
                self.at = found.end()
            elif self.takes("\\"):
                units.append(self.escaped())
            else:
                raise NotJson("string")
        try:
            # Two halves that follow each other become one character, and a single half fails.
            return "".join(units).encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise NotJson("half of a pair") from None

    def escaped(self):
        character = self.peek()
        self.at += 1
        if character != "u":
            if character not in _ESCAPES:
                raise NotJson("escape")
            return _ESCAPES[character]
        digits = self.text[self.at : self.at + 4]
        if not re.fullmatch(r"[0-9a-fA-F]{4}", digits):
            raise NotJson("code")
        self.at += 4
        return chr(int(digits, 16))

    def number(self):
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            raise NotJson("value")
        self.at = found.end()
        fraction, exponent = found.groups()
        if fraction is None and exponent is None:
            if len(found.group()) > LONGEST_WHOLE_NUMBER:
                return self.beyond("digits")
            return int(found.group())
        value = float(found.group())
        return self.beyond("range") if abs(value) == float("inf") else value

    def beyond(self, what):
        if not self.any_number:
            raise NotJson(what)
        return float("inf")

    def skip(self):
        self.at = _BLANK.match(self.text, self.at).end()

    def peek(self):
        return self.text[self.at : self.at + 1]

    def takes(self, character):
        if self.peek() != character:
            return False
        self.at += 1
        return True
