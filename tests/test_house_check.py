"""Protects make test: every check runs, a failure is never lost, the last line counts."""

import re

import check
import pytest


@pytest.fixture(autouse=True)
def reports(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "REPORTS", tmp_path)
    return tmp_path


def run(*steps: check.Step) -> str:
    check.Queue(list(steps)).run()
    return check.summary(list(steps))


def own_tests(folder, text: str) -> check.Step:
    path = folder / "test_sample.py"
    path.write_text(text)
    plugins = ("-p", "no:cacheprovider", "-p", "no:nbval", "-p", "no:hypothesispytest")
    return check.pytest_step("sample", str(path), *plugins)  # fewer plugins start sooner


def test_last_line_counts_and_the_one_before_says_what_to_do(reports):
    sample = own_tests(
        reports,
        "import pytest\ndef test_a(): pass\ndef test_b(): pass\n"
        "@pytest.mark.skip(reason='why')\ndef test_c(): pass\n",
    )
    lines = run(check.Step("good", ["-c", "print('fine')"]), sample).splitlines()
    assert lines == [
        "Next: make book shows the book these checks were about.",
        "3 passed, 0 failed, 1 skipped",
    ]


def test_failed_check_does_not_stop_the_next_one_and_is_named(reports, capsys):
    bad = check.Step("bad", ["-c", "print('what went wrong'); raise SystemExit(3)"])
    sample = own_tests(reports, "def test_a(): assert False\ndef test_b(): pass\n")
    following, counts = run(bad, sample).splitlines()
    assert following == 'Next: mend bad, sample, then make test ONLY="bad sample"'
    assert counts == "1 passed, 2 failed"
    printed = capsys.readouterr().out
    assert "what went wrong" in printed
    assert re.search(r"FAILED\s+sample", printed)


def test_nothing_collected_and_a_broken_import_are_failures(reports):
    empty = own_tests(reports, "")
    assert run(empty).endswith("0 passed, 1 failed")
    broken = own_tests(reports, "import no_such_module\n")
    assert run(broken).endswith("0 passed, 1 failed")


def test_a_check_that_hangs_is_a_failure(monkeypatch):
    monkeypatch.setattr(check, "LONGEST_SECONDS", 0.5)
    hanging = check.Step("hanging", ["-c", "import time; time.sleep(60)"])
    assert run(hanging).endswith("0 passed, 1 failed")
    assert "stopped after" in hanging.output


def test_every_part_of_the_promise_is_a_step():
    names = [step.name for step in [*check.static_steps(), *check.long_steps()]]
    promised = {"lint", "format", "types", "layers", "spelling", "workflows", "unit", "book"}
    assert promised | {"browser", "pages", "notebooks", "wheel"} <= set(names)
    assert len(set(names)) == len(names)


def test_a_step_begins_when_those_it_needs_have_ended(reports):
    """Also where it comes first in the queue, and where a needed step was not chosen."""
    note = "import sys; open({!r}, 'a').write(sys.argv[1])".format(str(reports / "order"))
    pages = check.Step("pages", ["-c", note, "p"], after=("book", "not chosen"))
    book = check.Step("book", ["-c", f"import time; time.sleep(0.2); {note}", "b"])
    assert run(pages, book).endswith("2 passed, 0 failed")
    assert (reports / "order").read_text() == "bp"
