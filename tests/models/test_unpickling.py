"""Pickles are read without running them: malicious ones, old ones, and ones as upstream's trainers write them."""

from __future__ import annotations

import collections
import io
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import torch

from napari_iseg.errors import WeightsError
from napari_iseg.models.checkpoints import load_state
from napari_iseg.models.stand_ins import Inert
from napari_iseg.models.unpickling import read_pickled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A module that nothing else imports: it is in sys.modules only if a pickle had it imported.
CANARY = "this"


def text(word: str) -> bytes:
    """Return the opcode that pushes text."""
    return b"X" + struct.pack("<I", len(word.encode())) + word.encode()


def named(module: str, name: str) -> bytes:
    """Return the opcode that asks for a name."""
    return f"c{module}\n{name}\n".encode()


def by_reduce(marker: Path) -> bytes:
    return named("os", "system") + b"(" + text(f"touch {marker}") + b"tR"


def by_eval(marker: Path) -> bytes:
    return named("builtins", "eval") + b"(" + text(f"open({str(marker)!r}, 'w')") + b"tR"


def by_exec_of_old(marker: Path) -> bytes:
    return named("__builtin__", "exec") + b"(" + text(f"open({str(marker)!r}, 'w')") + b"tR"


def by_inst(marker: Path) -> bytes:
    return b"(" + text(f"touch {marker}") + b"ios\nsystem\n"


def by_obj(marker: Path) -> bytes:
    return b"(" + named("os", "system") + text(f"touch {marker}") + b"o"


def by_new_object(marker: Path) -> bytes:
    return named("subprocess", "Popen") + b"(" + b"(" + text("touch") + text(str(marker)) + b"lt\x81"


def by_new_object_ex(marker: Path) -> bytes:
    keywords = b"}" + text("args") + b"(" + text("touch") + text(str(marker)) + b"l" + b"s"
    return named("subprocess", "Popen") + b")" + keywords + b"\x92"


def by_stack_global(marker: Path) -> bytes:
    return text("os") + text("system") + b"\x93" + b"(" + text(f"touch {marker}") + b"tR"


def by_build(marker: Path) -> bytes:
    # An object whose state holds a function to be called as its __setstate__, then a second state.
    state = b"}" + text("__setstate__") + named("os", "system") + b"s"
    return named("argparse", "Namespace") + b")\x81" + state + b"b" + text(f"touch {marker}") + b"b"


def by_build_on_a_class(marker: Path) -> bytes:
    # A slots state sets attributes of a class that is ours.
    slots = b"N" + b"}" + text("__setstate__") + named("os", "system") + b"s" + b"\x86"
    return named("collections", "OrderedDict") + slots + b"b0" + named("collections", "OrderedDict") + b")R"


def by_getattr(marker: Path) -> bytes:
    importing = named("importlib", "import_module") + b"(" + text(CANARY) + b"tR"
    return named("builtins", "getattr") + b"(" + importing + text("s") + b"tR" + b"(" + text(str(marker)) + b"tR"


def by_a_dotted_name(marker: Path) -> bytes:
    return text("collections") + text("abc.sys.modules") + b"\x93" + b"(" + text(str(marker)) + b"tR"


def by_nested_pickle(marker: Path) -> bytes:
    inner = b"\x80\x04" + by_reduce(marker) + b"."
    data = b"B" + struct.pack("<I", len(inner)) + inner
    return (
        named("torch.storage", "_load_from_bytes")
        + b"("
        + data
        + b"tR"
        + b"0"
        + named("pickle", "loads")
        + b"("
        + data
        + b"tR"
    )


def by_dict_item(marker: Path) -> bytes:
    return named("easydict", "EasyDict") + b")R" + text("gpu") + by_reduce(marker) + b"s"


ATTACKS = [
    by_reduce,
    by_eval,
    by_exec_of_old,
    by_inst,
    by_obj,
    by_new_object,
    by_new_object_ex,
    by_stack_global,
    by_build,
    by_build_on_a_class,
    by_getattr,
    by_a_dotted_name,
    by_nested_pickle,
    by_dict_item,
]


def zip_file(path: Path, program: bytes) -> None:
    """Write a file as torch has done since 1.6 whose pickle is ``program``."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x04" + program + b".")
        archive.writestr("archive/version", "3\n")


def old_file(path: Path, program: bytes) -> None:
    """Write a file as torch did until 1.5 whose fourth pickle is ``program``."""
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}]
    content = b"".join(pickle.dumps(part, protocol=2) for part in head)
    path.write_bytes(content + b"\x80\x04" + program + b"." + pickle.dumps([], protocol=2))


@pytest.mark.parametrize("write", [zip_file, old_file])
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("nested", [False, True])
def test_malicious_pickles_run_nothing_and_import_nothing(
    tmp_path: Path, attack: Callable[[Path], bytes], write: Callable[[Path, bytes], None], nested: bool
) -> None:
    marker, path = tmp_path / "marker", tmp_path / "evil.pth"
    program = attack(marker)
    if nested:
        program = b"}" + text("config") + b"}" + text("params") + b"(" + program + b"lss"
    write(path, program)
    before = set(sys.modules)
    try:
        content = read_pickled(path)
    except WeightsError as error:
        assert "damaged" in str(error)
    else:
        found = content["config"]["params"][0] if nested else content
        assert type(found) in (dict,) or isinstance(found, Inert)
    assert not marker.exists()
    assert CANARY not in sys.modules
    # zipfile itself loads the encoding of its names.
    assert not {name for name in set(sys.modules) - before if not name.startswith("encodings.")}


@pytest.mark.parametrize("attack", [by_reduce, by_eval, by_inst, by_obj, by_stack_global])
def test_the_attacks_are_attacks(tmp_path: Path, attack: Callable[[Path], bytes]) -> None:
    marker = tmp_path / "marker"
    program = tmp_path / "program"
    program.write_bytes(b"\x80\x04" + attack(marker) + b".")
    code = f"import pickle; pickle.load(open({str(program)!r}, 'rb'))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert marker.exists()


def test_the_process_s_own_registry_is_not_reached(tmp_path: Path) -> None:
    import copyreg

    path = tmp_path / "evil.pth"
    copyreg.add_extension("os", "getcwd", 240)
    try:
        # The registry answers without asking for the name once the extension was used.
        assert callable(pickle.loads(b"\x80\x04\x82\xf0."))
        zip_file(path, b"\x82\xf0)R")
        with pytest.raises(WeightsError, match="damaged"):
            read_pickled(path)
    finally:
        copyreg.remove_extension("os", "getcwd", 240)


def test_only_storages_are_referred_to(tmp_path: Path) -> None:
    for program in (text("storage") + b"Q", b"(" + text("script") + text("x") + b"tQ"):
        zip_file(tmp_path / "evil.pth", program)
        with pytest.raises(WeightsError, match="damaged"):
            read_pickled(tmp_path / "evil.pth")


def test_files_made_to_fill_the_memory_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    torch.save({"state_dict": {"a.weight": torch.zeros(1).expand(1 << 40)}}, path)
    with pytest.raises(WeightsError, match="damaged"):
        read_pickled(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x04" + b"N0" * 100_000 + b"}.")
    with pytest.raises(WeightsError, match="damaged"):
        read_pickled(path)
    loop: list[Any] = []
    loop.append(loop)
    torch.save(loop, path)
    with pytest.raises(WeightsError, match="damaged"):
        read_pickled(path)


def everything() -> dict[str, Any]:
    """Return every kind of value that a checkpoint may hold."""
    generator = torch.Generator().manual_seed(3)
    base = torch.randn(5, 7, generator=generator)
    state = collections.OrderedDict(
        view=base[1:4, ::2],
        turned=base.t(),
        parameter=torch.nn.Parameter(torch.randn(3, 2, generator=generator)),
        half=torch.randn(3, generator=generator).half(),
        brain=torch.randn(3, generator=generator).bfloat16(),
        double=torch.randn(2, generator=generator).double(),
        number=torch.tensor(300_000_007),
        flags=torch.tensor([True, False, True]),
        nothing=torch.ones(0, 4),
        bytes=torch.arange(5, dtype=torch.uint8),
    )
    state._metadata = collections.OrderedDict(version=1)  # type: ignore[attr-defined]
    return {"state_dict": state, "config": {"a": (1, 2.5, "x", None), "b": {3, 4}, "c": [True]}, "size": base.shape}


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_saved_comes_back_to_the_last_bit(tmp_path: Path, zipped: bool) -> None:
    path, saved = tmp_path / "all.pth", everything()
    torch.save(saved, path, _use_new_zipfile_serialization=zipped)
    content = read_pickled(path)
    assert type(content["state_dict"]) is dict
    assert list(content["state_dict"]) == list(saved["state_dict"])
    for name, tensor in saved["state_dict"].items():
        found = content["state_dict"][name]
        assert type(found) is torch.Tensor
        assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape), name
        assert torch.equal(found, tensor), name
    assert content["config"] == saved["config"]
    assert content["size"] == (5, 7)


def test_numbers_of_a_machine_with_the_other_byte_order_are_turned(tmp_path: Path) -> None:
    path, turned = tmp_path / "little.pth", tmp_path / "big.pth"
    torch.save({"a": torch.arange(6, dtype=torch.float32), "b": torch.arange(3)}, path)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(turned, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("byteorder"):
                data = b"big"
            elif "/data/" in name:
                width = 4 if len(data) == 24 and name.endswith("/0") else 8
                data = b"".join(data[i : i + width][::-1] for i in range(0, len(data), width))
            target.writestr(name, data)
    content = read_pickled(turned)
    assert content["a"].tolist() == [0, 1, 2, 3, 4, 5]
    assert content["b"].tolist() == [0, 1, 2]


TRAINER = """
import sys, types, pathlib, torch
# The classes of the research code and of easydict, as far as a pickle sees them.
def module(name):
    made = sys.modules[name] = types.ModuleType(name)
    return made
for name in ("isegm", "isegm.model"):
    module(name)
losses, easydict = module("isegm.model.losses"), module("easydict")
class CrossEntropyLoss(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.ones(2))
CrossEntropyLoss.__module__ = "isegm.model.losses"; losses.CrossEntropyLoss = CrossEntropyLoss
class EasyDict(dict):
    def __init__(self, d=None):
        for k, v in (d or {}).items():
            setattr(self, k, EasyDict(v) if isinstance(v, dict) else v)
    def __setattr__(self, k, v):
        super().__setattr__(k, v); super().__setitem__(k, v)
    __setitem__ = __setattr__
EasyDict.__module__ = "easydict"; easydict.EasyDict = EasyDict
cfg = EasyDict({"device": torch.device("cuda:0"), "exp": pathlib.PosixPath("/x"), "EMPTY": {},
                "MODEL": {"BACKBONE": {"EMBED_DIM": 96, "PATCH_SIZE": [16, 16]}}})
values = {"cfg": cfg, "loss": CrossEntropyLoss(), "norm_radius": 5, "img_size": (448, 448)}
params = {k: {"type": "builtin", "value": v, "specified": True} for k, v in values.items()}
content = {"state_dict": {"a.weight": torch.arange(3.)},
           "config": {"class": "isegm.model.is_adaptiveclick_model.AdaptiveClickModel", "params": params}}
torch.save(content, sys.argv[1], _use_new_zipfile_serialization=sys.argv[2] == "zip")
"""


@pytest.mark.parametrize("kind", ["zip", "old"])
def test_a_trainer_s_file_gives_its_parameters_and_imports_nothing_of_the_trainer(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "trained.pth"
    subprocess.run([sys.executable, "-c", TRAINER, path, kind], check=True, timeout=120)
    state, metadata = load_state(path)
    assert state["a.weight"].tolist() == [0, 1, 2]
    assert metadata["upstream_class"] == "isegm.model.is_adaptiveclick_model.AdaptiveClickModel"
    parameters = metadata["upstream"]
    assert parameters["norm_radius"] == 5
    assert parameters["img_size"] == (448, 448)
    assert type(parameters["cfg"]) is dict
    assert parameters["cfg"]["MODEL"]["BACKBONE"] == {"EMBED_DIM": 96, "PATCH_SIZE": [16, 16]}
    assert parameters["cfg"]["EMPTY"] == {}
    for name, value in (("torch.device", parameters["cfg"]["device"]), ("pathlib.PosixPath", parameters["cfg"]["exp"])):
        assert isinstance(value, Inert)
        assert value.named == name
    assert parameters["loss"].named == "isegm.model.losses.CrossEntropyLoss"
    assert not {"isegm", "isegm.model", "easydict"} & set(sys.modules)


def test_an_old_file_cut_anywhere_in_its_last_storage_says_so(tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    for content in ({"empty": torch.zeros(0)}, {"one": torch.ones(1, dtype=torch.uint8)}):
        torch.save(content, path, _use_new_zipfile_serialization=False)
        whole = path.read_bytes()
        read_pickled(path)
        for missing in range(1, 9):
            path.write_bytes(whole[:-missing])
            with pytest.raises(WeightsError, match="damaged"):
                read_pickled(path)


def test_cut_files_and_other_formats_say_so(tmp_path: Path) -> None:
    path = tmp_path / "file.pth"
    for zipped in (True, False):
        torch.save(everything(), path, _use_new_zipfile_serialization=zipped)
        whole = path.read_bytes()
        for length in (0, 10, len(whole) // 2, len(whole) - 7):
            path.write_bytes(whole[:length])
            with pytest.raises(WeightsError, match="damaged"):
                read_pickled(path)
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    with pytest.raises(WeightsError, match="until 2016"):
        read_pickled(path)
