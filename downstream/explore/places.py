"""Where the views are: the parts of the address behind the token."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Places:
    """The addresses of the views.

    Attributes:
        prefix: that all begin with, such as ``/TOKEN/``.

    >>> places = Places("/x/")
    >>> places.card(3), places.found("/x/node/3"), places.found("/x/errors"), places.found("/x/node/-1")
    ('/x/node/3', ('node', 3), ('errors', None), ('', None))
    """

    prefix: str

    def view(self, name: str) -> str:
        """The address of a view; the ranking's name is empty."""
        return f"{self.prefix}{name}"

    def card(self, node: int) -> str:
        """The address of a node's card."""
        return self.view(f"node/{node}")

    def found(self, path: str) -> tuple[str, int | None]:
        """The name of a view and the number of its node, as an address has them; ``("", None)`` for any other one."""
        view, _, number = path.removeprefix(self.prefix).strip("/").partition("/")
        if view == "node":
            known = number.isascii() and number.isdigit() and len(number) < 12
            return ("node", int(number)) if known else ("", None)
        return view, None
