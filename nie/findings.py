"""What a check of folders on disk has found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Findings:
    """Sentences about files, and how many files are whole.

    Attributes:
        whole: number of files that are as they were written.
        damaged: for each file that is damaged or missing, what to do.
        notes: what else is worth knowing, such as what cannot be checked.

    >>> found = Findings()
    >>> found.file(True, "a is damaged; make it again.")
    >>> found.file(False, "b is damaged; make it again.")
    >>> found.whole, found.damaged
    (1, ['b is damaged; make it again.'])
    """

    whole: int = 0
    damaged: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def file(self, whole: bool, advice: str) -> None:
        """Count a file that is whole, or keep the advice for one that is not."""
        if whole:
            self.whole += 1
        else:
            self.damaged.append(advice)
