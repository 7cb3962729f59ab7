"""nie.foreign: what foreign text may do where it is shown, which is nothing."""

import csv
import io

import pytest

from nie.errors import nearest
from nie.foreign import csv_cell, markdown_text, one_line, visible, without_controls, without_password

HOSTILE = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "\rx", "'quoted", "''", ""]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_cell_is_a_formula_and_each_can_be_read_back(name: str) -> None:
    file = io.StringIO()
    csv.writer(file).writerow([csv_cell(name)])
    (cell,) = next(csv.reader(io.StringIO(file.getvalue()))) or [""]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell.removeprefix("'") == visible(name, kept="")


@pytest.mark.parametrize("name", ["plain", "Zoë", "a-b", "1 = 2", "東京", "x'y", "a\\b", "p <0.1", "[1] (2)", "R & D;"])
def test_other_names_stay(name: str) -> None:
    assert csv_cell(name) == markdown_text(name) == visible(name) == name


@pytest.mark.parametrize(
    "name", ["\u0645\u06cc\u200c\u062e", "a\u00a0b", "👩\u200d🔬", "soft\u00adhyphen", "\u200eleft", "e\u0301"]
)
def test_letters_that_a_terminal_does_not_show_stay_in_files(name: str) -> None:
    assert csv_cell(name) == without_controls(name) == name


@pytest.mark.parametrize("letter", ["\n", "\r", "\x0b", "\x85", "\u2028", "\u2029"])
def test_a_cell_is_one_line(letter: str) -> None:
    assert len(csv_cell(f"a{letter}b").splitlines()) == 1


def test_no_escape_sequence_reaches_a_terminal() -> None:
    for text in ("\x1b[2J", "\x9b31m", "\u202egnp.exe", "\x07", "a\x00b"):
        assert visible(text).isprintable()
    for text in ("\x1b[2J", "\x9b31m", "\x07", "a\x00b", "a\ud800b"):
        assert csv_cell(text).isprintable()
    assert visible("two\nlines\tand a tab") == "two\nlines\tand a tab"


def test_a_megabyte_is_one_short_line() -> None:
    assert len(one_line("x\n" * 500_000, 80)) == 80


def test_passwords() -> None:
    assert "secret" not in without_password("--storage=postgresql+psycopg2://me:secret@host:5432/db?password=secret")
    assert without_password("sqlite:////tmp/a@b.db") == "sqlite:////tmp/a@b.db"


def test_the_nearest_of_many_is_found_soon() -> None:
    names = [f"http://example.org/resource/Thing_{number}" for number in range(50_000)]
    assert "Berlin_Wall" in nearest(
        "http://example.org/resource/Berlin_wal", [*names, "http://example.org/resource/Berlin_Wall"]
    )
    assert nearest("x" * 1_000_000, names) == ""
