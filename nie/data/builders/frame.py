"""A table in memory: a frame of pandas or polars, a table of Arrow, or a dict of columns.

It is read by what it can do and not by its class, so that none of these packages is needed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import count
from typing import Any

import numpy as np

from nie.arguments import as_name
from nie.data.builders.columns import LEFT_OUT, ROLES, Columns
from nie.data.builders.header import node_place, value_places
from nie.errors import NieError, shown


class Frame:
    """Columns by place, whatever holds them.

    Args:
        name: for messages.
        table: has ``column_names`` or ``columns`` and gives a column for a name, or is a dict of columns.

    Raises:
        NieError: it is no table, or its columns differ in length.

    >>> Frame("scores", {"node": ["ann", 7], "score": [1.5, 2]}).names(0)
    ['ann', '7']
    """

    def __init__(self, name: str, table: Any) -> None:
        self.name, self.table = name, table
        named = table if isinstance(table, Mapping) else getattr(table, "columns", ())
        keys: Any = getattr(table, "column_names", named)
        try:
            self.keys = [*keys]
            self._columns = [table[key] for key in self.keys]
            lengths = {len(column) for column in self._columns}
            if not self.keys:
                raise ValueError("no columns")
        except Exception as error:  # of a foreign class
            raise NieError(
                f"{name} must be a DataFrame, an Arrow table or a dict of columns; got {shown(table)}."
            ) from error
        self.columns = [str(key) for key in self.keys]
        if len(lengths) > 1:
            raise NieError(f"{name} must have columns of one length; got {', '.join(map(str, sorted(lengths)))}.")

    @classmethod
    def of_values(cls, kind: str, given: Any) -> Frame:
        """A column of nodes and some of values; or a dict of values by node, as a Series is one, too."""
        items = getattr(given, "items", None)
        if items is None or hasattr(given, "columns") or any(_is_column(value) for _, value in items()):
            return cls(kind, given)
        return cls(kind, {"node": [node for node, _ in items()], kind: [value for _, value in items()]})

    def cells(self, place: int) -> list[Any]:
        """The cells of a column, as objects of Python; dates as such, whatever the table keeps them as."""
        column = self._columns[place]
        if hasattr(column, "to_numpy"):
            column = column.to_numpy()
        if not isinstance(column, np.ndarray):
            return [*column]
        if column.dtype.kind == "M":  # of nanoseconds, numpy makes whole numbers
            column = column.astype("datetime64[us]")
        return [*column.tolist()]

    def names(self, place: int) -> list[str]:
        """A column of names, which are strings or whole numbers.

        Raises:
            NieError: another cell, such as nan or None; the message says in which row, counted from 0.
        """
        cells = self.cells(place)
        if set(map(type, cells)) <= {str}:
            return cells
        return [self.named(cell, place, row) for cell, row in zip(cells, count())]

    def named(self, cell: Any, place: int, row: int) -> str:
        """The name that a cell is; errors as `names`."""
        name = as_name(cell)
        if name is not None:
            return name
        what = "is empty" if is_missing(cell) else f"is {shown(cell)}"
        raise NieError(
            f"{self.name}, row {row}: a name in the column {shown(self.columns[place])} must be a string or a whole "
            f"number; it {what}."
        )

    def node_column(self) -> int:
        """The place of the column of nodes: one that is called so, or the first."""
        return node_place(self.columns)

    def rows(self, place: int) -> list[tuple[int, str, Any]]:
        """Number of the row, name of the node and value in a column; errors as `names`."""
        nodes = self.names(self.node_column())
        return [*zip(range(len(nodes)), map(str.strip, nodes), self.cells(place), strict=True)]

    def value_columns(self) -> list[int]:
        """The places of the columns of values.

        Raises:
            NieError: there is no column beside that of nodes.
        """
        places = value_places(self.columns, self.node_column())
        if not places:
            raise NieError(
                f"{self.name} must have two columns, nodes and their values; got {shown(self.columns)} (the index of a "
                "DataFrame becomes a column by reset_index())."
            )
        return places

    def triple_columns(self) -> tuple[int, int, int]:
        """The places of head, relation and tail: as the columns are called, or the first three.

        Raises:
            NieError: there are fewer, or names tell that one of the three is missing.
        """
        order = Columns.of_header(self.columns)
        if order is None:
            roles = [Columns.role(key) for key in self.columns]
            strange = any(role not in (LEFT_OUT, usual) for role, usual in zip(roles, ROLES, strict=False))
            if len(roles) < 3 or strange or (len(roles) > 3 and roles[:3] != [LEFT_OUT] * 3):
                raise NieError(
                    f"{self.name} must have the columns {', '.join(ROLES)}, or three columns in this order; got "
                    f"{', '.join(self.columns) or 'none'}."
                )
            return 0, 1, 2
        return order.picked(range(len(order.roles)))


def _is_column(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str)


def is_missing(cell: Any) -> bool:
    """Whether a cell is None, nan, or what pandas writes for these.

    >>> is_missing(None), is_missing(float("nan")), is_missing(0)
    (True, True, False)
    """
    if cell is None or type(cell).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(cell, (float, np.floating)) and math.isnan(cell)
