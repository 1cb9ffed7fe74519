"""Downloads from a real server: whole, cut, resumed, refused, and from no server at all."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from typing import TYPE_CHECKING

import pytest

from napari_iseg.errors import WeightsError
from napari_iseg.zoo.downloads import fetch
from napari_iseg.zoo.weights_folder import recorded_sha256

if TYPE_CHECKING:
    from pathlib import Path

    from tests.web import Site

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def serve(site: Site, content: bytes = CONTENT) -> str:
    """Put a file on the site and return its address."""
    site.files["/v1.0/net.pth"] = content
    return f"{site.address}/v1.0/net.pth"


def test_a_file_comes_whole_with_progress_and_its_checksum_is_recorded(site: Site, user_folder: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(serve(site), user_folder, progress=lambda there, total: seen.append((there, total)))
    assert path == user_folder / "net.pth"
    assert path.read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [there for there, _ in seen] == sorted(there for there, _ in seen)
    assert recorded_sha256("net.pth") == SHA256
    assert sorted(item.name for item in user_folder.iterdir()) == ["net.pth", "sha256.json"]


def test_a_file_that_is_there_is_not_fetched_again(site: Site, user_folder: Path) -> None:
    address = serve(site)
    fetch(address, user_folder)
    fetch(address, user_folder)
    assert len(site.asked) == 1


def test_a_file_put_there_by_hand_is_taken_and_recorded(site: Site, user_folder: Path) -> None:
    user_folder.mkdir(parents=True)
    (user_folder / "net.pth").write_bytes(CONTENT)
    fetch(f"{site.address}/v1.0/net.pth", user_folder)
    assert site.asked == []
    assert recorded_sha256("net.pth") == SHA256


def test_a_cut_transfer_goes_on_where_it_ended(site: Site, user_folder: Path) -> None:
    address = serve(site)
    site.cuts = 2
    assert fetch(address, user_folder).read_bytes() == CONTENT
    half, quarter = len(CONTENT) // 2, len(CONTENT) // 4
    assert [(wanted, status) for _, wanted, status in site.asked] == [
        ("", 200),
        (f"bytes={half}-", 206),
        (f"bytes={half + quarter}-", 206),
    ]


def test_what_came_before_a_lasting_cut_is_kept_for_the_next_time(site: Site, user_folder: Path) -> None:
    address = serve(site)
    site.cuts = 4
    with pytest.raises(WeightsError, match="cut again and again"):
        fetch(address, user_folder)
    kept = (user_folder / "net.pth.part").stat().st_size
    assert kept == len(CONTENT) * 15 // 16
    assert not (user_folder / "net.pth").exists()
    site.asked.clear()
    assert fetch(address, user_folder).read_bytes() == CONTENT
    assert site.asked == [("/v1.0/net.pth", f"bytes={kept}-", 206)]
    assert list(user_folder.glob("*.part*")) == []


def test_a_server_without_ranges_sends_everything_again(site: Site, user_folder: Path) -> None:
    address = serve(site)
    site.cuts, site.ranges = 1, False
    assert fetch(address, user_folder).read_bytes() == CONTENT
    assert [status for _, _, status in site.asked] == [200, 200]


@pytest.mark.parametrize("etag", ['"one"', ""])
def test_a_file_that_changed_after_the_cut_is_never_mixed(site: Site, user_folder: Path, etag: str) -> None:
    address = serve(site)
    site.cuts, site.etag = 4, etag
    with pytest.raises(WeightsError, match="cut"):
        fetch(address, user_folder)
    other = CONTENT[::-1]
    serve(site, other)
    site.etag = '"two"' if etag else ""
    if etag:
        assert fetch(address, user_folder).read_bytes() == other
    else:
        # Nothing of the server's tells that it is another file; the checksum does.
        with pytest.raises(WeightsError, match="not the file"):
            fetch(address, user_folder, sha256=SHA256)
        assert not (user_folder / "net.pth").exists()


def test_a_part_that_is_whole_already_needs_nothing_more(site: Site, user_folder: Path) -> None:
    address = serve(site)
    user_folder.mkdir(parents=True)
    (user_folder / "net.pth.part").write_bytes(CONTENT)
    (user_folder / "net.pth.part.json").write_text(json.dumps({"address": address, "validator": site.etag}))
    assert fetch(address, user_folder).read_bytes() == CONTENT
    assert [status for _, _, status in site.asked] == [416]


def test_a_part_longer_than_the_file_is_thrown_away(site: Site, user_folder: Path) -> None:
    address = serve(site)
    user_folder.mkdir(parents=True)
    (user_folder / "net.pth.part").write_bytes(CONTENT + b"more")
    (user_folder / "net.pth.part.json").write_text(json.dumps({"address": address, "validator": site.etag}))
    assert fetch(address, user_folder).read_bytes() == CONTENT
    assert [status for _, _, status in site.asked] == [416, 200]


def test_a_part_of_another_address_is_not_continued(site: Site, user_folder: Path) -> None:
    address = serve(site)
    user_folder.mkdir(parents=True)
    (user_folder / "net.pth.part").write_bytes(b"x" * 1000)
    (user_folder / "net.pth.part.json").write_text(json.dumps({"address": "http://elsewhere/net.pth"}))
    assert fetch(address, user_folder).read_bytes() == CONTENT
    assert site.asked == [("/v1.0/net.pth", "", 200)]


def test_another_file_than_known_or_recorded_is_refused(site: Site, user_folder: Path) -> None:
    address = serve(site)
    with pytest.raises(WeightsError, match="not the file that it should be"):
        fetch(address, user_folder, sha256="0" * 64)
    assert list(user_folder.iterdir()) == []
    fetch(address, user_folder).unlink()
    serve(site, CONTENT[1:])
    with pytest.raises(WeightsError, match=SHA256):
        fetch(address, user_folder)


def test_a_missing_file_is_told_with_what_to_do(site: Site, user_folder: Path) -> None:
    with pytest.raises(WeightsError) as told:
        fetch(f"{site.address}/gone.pth", user_folder, instead="napari-iseg weights download x")
    words = str(told.value)
    assert "404" in words
    assert f"{site.address}/gone.pth" in words
    assert str(user_folder / "gone.pth") in words
    assert words.endswith("napari-iseg weights download x")


def test_without_a_connection_it_says_which_file_to_put_where(
    user_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/v1.0/net.pth"
    with pytest.raises(WeightsError, match="no connection") as told:
        fetch(address, user_folder, instead="napari-iseg weights download x")
    words = str(told.value)
    assert address in words
    assert str(user_folder / "net.pth") in words
    assert "napari-iseg weights download x" in words


def test_a_proxy_of_the_environment_is_used(site: Site, user_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.files["/net.pth"] = CONTENT
    monkeypatch.setenv("http_proxy", site.address)
    monkeypatch.setenv("no_proxy", "")
    # Nobody has this name; only a proxy can answer for it.
    assert fetch("http://weights.invalid/net.pth", user_folder).read_bytes() == CONTENT
