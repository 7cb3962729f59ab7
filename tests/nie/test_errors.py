"""nie.errors."""

from nie.errors import NieError, nearest


def test_nearest_names_the_closest_option_or_nothing() -> None:
    assert nearest("rgnt", ["rgtn", "pregat"]) == " (did you mean 'rgtn'?)"
    assert nearest("qqqq", ["rgtn", "pregat"]) == ""


def test_the_error_is_no_value_error() -> None:
    # Callers that catch ValueError for their own reasons must not swallow a message that is meant for the user.
    assert not issubclass(NieError, ValueError)
