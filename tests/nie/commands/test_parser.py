"""nie.commands.parser: what a command says of words that it cannot take."""

from __future__ import annotations

import pytest

from nie.__main__ import main


@pytest.mark.parametrize(
    ("line", "way"),
    [
        ("what-if run --remove -dash r tail", "write a fact of such a name in the --file"),
        ("what-if run --add head r -dash", "write a fact of such a name in the --file"),
        ("what-if run --suggest 2 --node -dash", "write --node=-dash"),
        ("complete run --relation -dash --head x", "write --relation=-dash"),
        ("explain run -dash", "write -- -dash at the end of the line"),
    ],
)
def test_a_name_that_begins_as_an_option_is_told_how_to_be_given(
    line: str, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(line.split())
    assert f"-dash is taken for an option, and if it is a name, {way}" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["explain run", "what-if run --remove head r", "downstream --recipe --optim.lr 1"])
def test_no_name_is_seen_where_there_is_none(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(line.split())
    assert "is taken for an option" not in capsys.readouterr().err


def test_names_are_taken_as_the_message_says(capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("explain nowhere -- -dash", "what-if nowhere --suggest 2 --node=-dash"):
        assert main(line.split()) == 2
        assert "nowhere" in capsys.readouterr().err
