"""The page as a text: what is in it, what is escaped, what its policy lets run."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from attrs import define, field

from packcloud_async.reporting.digest import FAILED_SHOWN, GROUPS_SHOWN, SLOWEST_SHOWN, digest
from packcloud_async.reporting.figures import plotly_text
from packcloud_async.reporting.page import BEGINNING, Drawing, page_of
from packcloud_async.reporting.story import Mark, Moment, Source, State, shown_id, shown_message
from packcloud_async.reporting.timelines import moments_picture, strips_of, timeline_picture

from .stories import job, kind_of, large, story, unstarted

PROGRAM = "globalThis.Plotly = {};"
HOSTILE = [
    "</script><script>document.title = 'owned'</script>",
    "<img src=x onerror=\"document.title = 'owned'\">",
    "<b>bold</b><br><a href='javascript:alert(1)'>x</a>",
    "&lt;b&gt; &amp; <!-- ]]>",
    "a\u202eb\x07\x1b[2J\nc",
    "$\\frac{1}{2}$ %{x} ${x}",
    "__proto__",
    "x" * 10_000,
]


def drawing(program=PROGRAM):
    return Drawing(program, json.dumps)


def page(told, program=PROGRAM):
    return page_of(told, drawing(program)).decode()


@define
class Read(HTMLParser):
    """What a reader of HTML finds in a page."""

    elements: list = field(factory=list)
    scripts: list = field(factory=list)
    text: list = field(factory=list)
    _within: list = field(factory=list)

    @classmethod
    def of(cls, page):
        found = cls()
        HTMLParser.__init__(found)
        found.feed(page)
        found.close()
        return found

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self._within.append(tag)
            if tag == "script":
                self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        if self._within and self._within[-1] == tag:
            self._within.pop()

    def handle_data(self, data):
        if self._within and self._within[-1] == "script":
            attributes, before = self.scripts[-1]
            self.scripts[-1] = (attributes, before + data)
        elif not self._within:
            self.text.append(data)

    def data(self, name):
        (found,) = [text for attributes, text in self.scripts if attributes.get("id") == name]
        return json.loads(found)


def hostile_story():
    jobs = [
        job(
            shown_id(text),
            shown_id(text[::-1]),
            began=float(number),
            kinds=(
                kind_of(
                    next(iter(job().kinds)).kind, State.REJECTED, reason="ServerError 503", message=shown_message(text)
                ),
            ),
            moments=(Moment(1.0, Mark.REFUSED, shown_message(text)),),
        )
        for number, text in enumerate(HOSTILE)
    ]
    return story([*jobs, *(unstarted(shown_id(text), "SyncError", shown_message(text)) for text in HOSTILE)])


def test_nothing_hostile_becomes_an_element():
    plain, hostile = Read.of(page(story([job(*["a"] * 2, State.REJECTED)]))), Read.of(page(hostile_story()))
    allowed = {tag for tag, _ in plain.elements} | {"br"}
    assert {tag for tag, _ in hostile.elements} <= allowed
    assert "img" not in allowed
    assert [attributes for _, attributes in hostile.elements if any(name.startswith("on") for name in attributes)] == []
    assert len(hostile.scripts) == len(plain.scripts) == 4
    text = "".join(hostile.text)
    for one in HOSTILE[:4]:
        assert one in text
    assert not [c for c in text if not c.isprintable() and c != "\n"]


def test_every_text_of_the_data_is_as_it_was_given():
    data = Read.of(page(hostile_story())).data("jobs")
    names = {data["texts"][number] for _, _, number in data["bands"]}
    assert names == {shown_id(text) for text in HOSTILE}


def test_plotly_is_given_no_tag():
    told = digest(hostile_story())
    figures = [moments_picture(told.failed), timeline_picture(told, strips_of(told))]
    assert "<" not in json.dumps(figures).replace("<extra></extra>", "")
    assert plotly_text("<b>&amp;</b>") == "&lt;b&gt;&amp;amp;&lt;/b&gt;"


@pytest.mark.parametrize(
    "program",
    [PROGRAM, "x = '</script>';", "x = '<!--<script>';", "x = /<\\/SCRIPT>/;"],
    ids=["usual", "end", "hidden", "upper"],
)
def test_the_policy_names_exactly_the_scripts_that_are_there(program):
    text = page(story([job()]), program)
    read = Read.of(text)
    (policy,) = [a["content"] for tag, a in read.elements if a.get("http-equiv") == "content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    executed = [body for attributes, body in read.scripts if attributes.get("type") != "application/json"]
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()}'" for body in executed]
    assert rules == {
        "default-src": "'none'",
        "script-src": " ".join(hashes),
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert len(executed) == 2
    # It comes before anything that it is to hold.
    assert text.index("content-security-policy") < text.index("<style") < text.index("<script")


def test_a_page_begins_as_no_other_file_does_and_names_no_address():
    made = page_of(hostile_story(), drawing())
    assert made.startswith(BEGINNING)
    assert b"packcloud report" in BEGINNING
    read = Read.of(made.decode())
    addresses = [
        a for _, attributes in read.elements for name in ("src", "href", "action") if (a := attributes.get(name))
    ]
    assert addresses == ["data:,"]


def test_tables_are_bounded_say_so_and_the_rest_is_counted_and_found():
    count = FAILED_SHOWN + 50
    jobs = [job("o", f"int_{number}", State.REJECTED) for number in range(count)]
    read = Read.of(page(story(jobs)))
    text = " ".join(read.text)
    assert f"The first {FAILED_SHOWN} of {count} jobs that failed." in text
    assert (text.count("int_90 "), text.count("int_99 ")) == (0, 0)
    assert [tag for tag, _ in read.elements].count("details") == FAILED_SHOWN + SLOWEST_SHOWN
    data = read.data("jobs")
    assert len(data["jobs"]) == count
    assert {one[4] for one in data["jobs"]} <= set(data["failures"])
    assert read.elements.count(("td", {"class": "word"})) == 1
    assert str(count) in text


def test_the_reasons_are_bounded_too():
    jobs = [
        job("o", f"i{n}", kinds=(kind_of(next(iter(job().kinds)).kind, State.REJECTED, reason=f"Error {n}"),))
        for n in range(GROUPS_SHOWN + 7)
    ]
    text = " ".join(Read.of(page(story(jobs))).text)
    assert "And 7 more reasons" in text


@pytest.mark.parametrize("told", [story(), story([unstarted()]), story([job()], traffic=None, source=Source.LEDGER)])
def test_a_run_of_little_is_a_page_too(told):
    read = Read.of(page(told))
    shown = {attributes["id"] for tag, attributes in read.elements if attributes.get("class") == "picture"}
    assert set(read.data("figures")) == shown
    assert ("requests" in shown) == (told.traffic is not None and any(told.traffic.sent))


@pytest.mark.parametrize(
    ("changes", "marks"), [({}, "finished"), ({"finished": False, "error": "the <b>end</b>"}, "not finished")]
)
def test_an_unfinished_run_is_marked(changes, marks):
    text = " ".join(Read.of(page(story([job()], **changes))).text)
    assert re.search(rf"Bulk run\s+{marks} ", text)
    assert ("It ended early: the <b>end</b>" in text) == ("error" in changes)


def test_every_picture_has_a_sentence_and_every_control_a_name():
    read = Read.of(page(large(30, 5)))
    pictures = [attributes for _, attributes in read.elements if attributes.get("class") == "picture"]
    assert {one["id"] for one in pictures} == {"outcomes", "timeline", "requests", "delays", "slowest", "failed"}
    assert all(one["role"] in {"img", "application"} and one["aria-label"] for one in pictures)
    assert [one["id"] for one in pictures if one.get("tabindex") == "0"] == ["timeline"]


def test_plotly_takes_every_figure():
    pytest.importorskip("plotly", reason="plotly draws the pictures: the extra report")
    from packcloud_async.reporting import charts

    written = []

    def write(figure):
        written.append(charts.checked(figure))
        return written[-1]

    page_of(large(30, 5), Drawing(charts.program(), write))
    assert len(written) == 6
    timeline = json.loads(written[1])
    assert {trace["mode"] for trace in timeline["data"]} == {"none"}
    assert len(timeline["data"]) <= len(State)
    with pytest.raises(ValueError, match="colour"):
        charts.checked({"data": [{"type": "bar", "marker": {"colour": "red"}}], "layout": {}})
