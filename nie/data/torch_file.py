"""Reading other people's files of `torch.save` without running their code.

`torch.load(weights_only=True)` runs no code either, but it hashes whatever a file names as a key, which takes centuries
where tuples lie in tuples, and makes storages as large as a file of the older format says. Here the pickle in the file
goes through the reader of `nie.data.restricted_pickle`, and storages are made of bytes that the file has.
"""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, ClassVar

import torch

from nie.data.restricted_pickle import Reader
from nie.data.stand_ins import Made, StandIn
from nie.disk.array_file import check_members, one_sentence
from nie.errors import shown

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""What files of the older format begin with."""
_DAMAGED = (
    "is damaged, or holds more than tensors, which is not loaded because it could run code ({reason}); make it again "
    "with torch.save(tensors, file)"
)


class _Kind(StandIn):
    """The class of a storage, which a file names to say what numbers it holds."""

    __slots__ = ("dtype", "size")

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype, self.size = dtype, torch.empty(0, dtype=dtype).element_size()


_KINDS = {
    f"{name}Storage": _Kind(dtype)
    for name, dtype in {
        "Double": torch.float64, "Float": torch.float32, "Half": torch.float16, "BFloat16": torch.bfloat16,
        "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
        "Bool": torch.bool, "ComplexDouble": torch.complex128, "ComplexFloat": torch.complex64,
    }.items()
}  # fmt: skip


class _TorchReader(Reader):
    """Reads the pickle in a file of torch, which refers to storages that lie elsewhere in the file."""

    dispatch: ClassVar[dict[int, Any]] = dict(Reader.dispatch)

    def __init__(self, stream: IO[bytes], length: int) -> None:
        super().__init__(stream, length)
        self.storages: dict[str, tuple[_Kind, int, bytearray, Made]] = {}

    def find_class(self, module: str, name: str) -> Any:
        return _KINDS[name] if module == "torch" and name in _KINDS else super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Made:
        """The storage of an id ``("storage", kind, key, device, count)``, to which older files add a None."""
        if type(pid) is not tuple or len(pid) not in (5, 6) or type(pid[1]) is not _Kind:
            raise ValueError("it refers to something that is no storage")
        kind, key, count = pid[1], pid[2], pid[4]
        if type(key) is not str or type(count) is not int or count < 0 or pid[5:] not in ((), (None,)):
            raise ValueError("it refers to a storage in a strange form")
        if key not in self.storages:
            content = self.content(key, count * kind.size)
            self.storages[key] = kind, count, content, Made(_storage(content, kind))
        known_kind, known_count, _, storage = self.storages[key]
        if known_kind is not kind or known_count != count:
            raise ValueError(f"the storage {shown(key)} is of two kinds")
        return storage

    def content(self, key: str, size: int) -> bytearray:
        """Where the ``size`` bytes of a storage are, or will be."""
        raise NotImplementedError

    def _set_attributes(self) -> None:
        """Leave out the attribute of an OrderedDict that holds the versions of modules in a state dict."""
        state, target = self.stack[-1], self.stack[-2]
        if type(target) is dict and type(state) is dict and all(name == "_metadata" for name in state):
            self.stack.pop()
        else:
            super()._set_state()

    dispatch[pickle.BUILD[0]] = _set_attributes


class _ZipReader(_TorchReader):
    """Reads the format of today: an archive with a member for the pickle and one for each storage."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        names = archive.namelist()
        inside = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(inside) != 1 or len(set(names)) < len(names):
            raise ValueError("it is not an archive of torch.save")
        self.archive, self.folder = archive, inside[0].partition("/")[0]
        order = f"{self.folder}/byteorder"
        if order in names and archive.read(order) != b"little":
            raise ValueError("its numbers are not little-endian")
        super().__init__(io.BytesIO(archive.read(inside[0])), sum(member.file_size for member in archive.infolist()))

    def content(self, key: str, size: int) -> bytearray:
        member = self.archive.getinfo(f"{self.folder}/data/{key}")
        if member.file_size != size:
            raise ValueError(f"the storage {shown(key)} has {member.file_size} bytes, not {shown(size)}")
        return bytearray(self.archive.read(member))


class OldReader(_TorchReader):
    """Reads the format before, whose storages follow what refers to them, so that they are filled afterwards.

    Args:
        stream: of bytes.
        length: of the stream; storages cannot be larger together.
    """

    def __init__(self, stream: IO[bytes], length: int) -> None:
        super().__init__(stream, length)
        self.stream, self.left = stream, length

    def load(self) -> Any:
        if [self._other() for _ in range(2)] != [_MAGIC, _PROTOCOL]:
            raise ValueError("it is no file of torch.save")
        system = self._other()
        if not isinstance(system, Mapping) or system.get("little_endian") is not True:
            raise ValueError("its numbers are not little-endian")
        content = super().load()
        self._fill(self._other())
        return content

    def _other(self) -> Any:
        """One of the pickles around that of the content."""
        return Reader(self.stream, self.left).load()

    def content(self, key: str, size: int) -> bytearray:
        if size > self.left:
            raise ValueError(f"the storage {shown(key)} asks for {shown(size)} bytes, more than the file has")
        self.left -= size
        return bytearray(size)

    def _fill(self, keys: Any) -> None:
        """Read the numbers of all storages, in the order of the keys."""
        if type(keys) is not list or any(type(key) is not str for key in keys) or {*keys} != self.storages.keys():
            raise ValueError("it has other storages than it refers to")
        for key in keys:
            _, count, content, _ = self.storages[key]
            said = int.from_bytes(self.stream.read(8), "little")
            if said != count or self.stream.readinto(content) != len(content):  # type: ignore[attr-defined]
                raise ValueError(f"the storage {shown(key)} is of another size or ends too early")


def _storage(content: bytearray, kind: _Kind) -> torch.storage.TypedStorage:
    """A storage that shares the bytes of ``content``."""
    numbers = torch.frombuffer(content, dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)
    make: Any = torch.storage.TypedStorage
    storage: torch.storage.TypedStorage = make(wrap_storage=numbers.untyped_storage(), dtype=kind.dtype, _internal=True)
    return storage


def load_torch(path: str | os.PathLike[str]) -> Any:
    """Read the containers of tensors in a file that `torch.save` wrote, in the format of today or the one before.

    Tensors are dense and on the CPU, wherever they were; an OrderedDict comes back as a dict.

    Args:
        path: path of the file.

    Raises:
        NieError: the file is missing or damaged, would expand out of proportion, or holds anything but tensors, arrays,
            numbers and strings; nothing of it is run.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.pth"
    >>> torch.save({"weight": torch.ones(2)}, file)
    >>> load_torch(file)
    {'weight': tensor([1., 1.])}
    """
    path = Path(path)
    with one_sentence(path, _DAMAGED), path.open("rb") as stream:
        if zipfile.is_zipfile(stream):
            with zipfile.ZipFile(stream) as archive:
                check_members(archive, path)
                return _ZipReader(archive).read_content()
        stream.seek(0)
        return OldReader(stream, path.stat().st_size).read_content()
