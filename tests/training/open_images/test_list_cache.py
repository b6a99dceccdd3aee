"""Lists in the cache: downloaded once, resumed, and never mixed from two versions."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from alpacasorter.training.open_images import list_cache
from alpacasorter.training.open_images.fetch import DownloadError, Patience, Unreachable, Unusable, Web
from alpacasorter.training.open_images.list_cache import ListCache, ListProgress, RemoteList
from tests.training.open_images.server import HTML, Answer, OpenImagesServer

ROWS = b"".join(b"%016x,verification,/m/0pcr,1\n" % number for number in range(100_000))
DATA = b"ImageID,Source,LabelName,Confidence\n" + ROWS
OTHER = b"ImageID,Source,LabelName,Confidence\n" + ROWS.replace(b",1\n", b",0\n")
PATH = "/openimages/v7/list.csv"
QUICK = Patience(timeout=2.0, tries=3, pause=0.0)


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web(QUICK)
    yield web
    web.close()


@pytest.fixture
def item(server: OpenImagesServer) -> RemoteList:
    server.put(PATH, DATA)
    return RemoteList(server.base + PATH, ("ImageID", "Source", "LabelName", "Confidence"))


def fetch(folder: Path, web: Web, item: RemoteList) -> tuple[Path, list[ListProgress]]:
    told = []
    with ListCache(folder, web).hold() as cache:
        fetching = cache.fetch(item)
        while True:
            try:
                told.append(next(fetching))
            except StopIteration as end:
                return end.value, told


def to_fetch(folder: Path, web: Web, item: RemoteList) -> int | None:
    with ListCache(folder, web).hold() as cache:
        return cache.bytes_to_fetch([item])


def broken_off(folder: Path, web: Web, item: RemoteList, server: OpenImagesServer, after: int) -> None:
    """Leave behind what an interrupted download leaves."""
    server.faults[PATH] = [Answer(cut=after), *[Answer(code=500)] * 3]
    with pytest.raises(Unreachable):
        fetch(folder, web, item)
    server.faults[PATH] = []
    assert not (folder / item.name).exists()
    assert (folder / f"{item.name}.part").stat().st_size == after
    server.asked.clear()
    server.sent_bytes.clear()


def test_a_list_is_downloaded_once_and_progress_is_reported(
    tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer
) -> None:
    assert to_fetch(tmp_path, web, item) == len(DATA)
    path, told = fetch(tmp_path, web, item)
    assert path.read_bytes() == DATA
    assert len(told) > 3
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert {one.total for one in told} == {len(DATA)}
    assert told[-1].done == len(DATA)
    assert to_fetch(tmp_path, web, item) == 0
    assert fetch(tmp_path, web, item) == (path, [])
    assert server.times_asked(PATH) == 1


def test_it_works_without_the_network(tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer) -> None:
    path, _ = fetch(tmp_path, web, item)
    server.close()
    assert fetch(tmp_path, web, item) == (path, [])


@pytest.mark.parametrize(
    "faults",
    [
        [Answer(cut=1_000_000)],
        [Answer(cut=1_000_000, reset=True)],
        [Answer(code=500), Answer(code=500)],
        [Answer(code=503), Answer(code=503), Answer(cut=10), Answer(code=503)],
        [Answer(cut=n * 300_000) for n in range(1, 3)],
    ],
    ids=["cut", "reset", "500 twice", "503 twice, cut, 503", "cut again and again"],
)
def test_faults(tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer, faults: list[Answer]) -> None:
    server.faults[PATH] = faults
    path, _ = fetch(tmp_path, web, item)
    assert path.read_bytes() == DATA


def test_the_next_run_resumes(tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer) -> None:
    broken_off(tmp_path, web, item, server, 1_500_000)
    assert to_fetch(tmp_path, web, item) == len(DATA) - 1_500_000
    path, told = fetch(tmp_path, web, item)
    assert path.read_bytes() == DATA
    assert server.sent_bytes[PATH] == len(DATA) - 1_500_000
    assert told[0].done == 1_500_000
    assert not (tmp_path / f"{item.name}.part").exists()


def test_a_server_without_ranges(tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer) -> None:
    broken_off(tmp_path, web, item, server, 1_500_000)
    server.ranges = False
    path, _ = fetch(tmp_path, web, item)
    assert path.read_bytes() == DATA
    assert server.sent_bytes[PATH] == len(DATA)


def test_a_server_without_ranges_that_always_fails_is_given_up(
    tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer
) -> None:
    server.ranges = False
    server.always[PATH] = Answer(cut=1_000_000)
    with pytest.raises(Unreachable, match="was lost"):
        fetch(tmp_path, web, item)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_list_that_changed_in_the_meantime_is_not_mixed(
    tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer, ranges: bool
) -> None:
    broken_off(tmp_path, web, item, server, 1_500_000)
    server.ranges = ranges
    server.put(PATH, OTHER)
    path, _ = fetch(tmp_path, web, item)
    assert path.read_bytes() == OTHER


def test_a_list_that_changes_between_two_attempts(
    tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer
) -> None:
    class Changing(list[Answer]):
        def pop(self, *_: object) -> Answer:
            server.put(PATH, OTHER)
            server.faults[PATH] = []
            return Answer(cut=1_500_000, body=DATA, headers={"ETag": '"before"'})

    server.faults[PATH] = Changing([Answer()])
    path, _ = fetch(tmp_path, web, item)
    assert path.read_bytes() == OTHER


def test_a_server_that_ignores_the_version(
    tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer
) -> None:
    broken_off(tmp_path, web, item, server, 1_500_000)
    wrong = {"ETag": '"another"', "Content-Range": f"bytes 1500000-{len(OTHER) - 1}/{len(OTHER)}"}
    server.faults[PATH] = [Answer(code=206, body=OTHER[1_500_000:], headers=wrong)]
    path, _ = fetch(tmp_path, web, item)
    assert path.read_bytes() == DATA


def test_a_list_that_became_shorter(tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer) -> None:
    broken_off(tmp_path, web, item, server, 1_500_000)
    server.faults[PATH] = [Answer(code=416)]
    path, _ = fetch(tmp_path, web, item)
    assert path.read_bytes() == DATA


def test_without_an_etag_nothing_is_resumed(
    tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer
) -> None:
    server.always[PATH] = Answer(headers={"ETag": 'W/"same"'})
    broken_off(tmp_path, web, item, server, 1_500_000)
    path, _ = fetch(tmp_path, web, item)
    assert path.read_bytes() == DATA
    assert "Range" not in server.asked[-1][2]


def test_a_new_version_replaces_the_old_one(
    tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer
) -> None:
    path, _ = fetch(tmp_path, web, item)
    server.put(PATH, OTHER)
    assert to_fetch(tmp_path, web, item) == len(OTHER)
    assert fetch(tmp_path, web, item)[0].read_bytes() == OTHER
    path.write_bytes(OTHER[:-1])
    assert fetch(tmp_path, web, item)[0].read_bytes() == OTHER


def test_a_run_that_ended_before_the_last_step(
    tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer
) -> None:
    path, _ = fetch(tmp_path, web, item)
    path.rename(tmp_path / f"{item.name}.part")
    server.asked.clear()
    assert fetch(tmp_path, web, item)[0].read_bytes() == DATA
    assert server.times_asked(PATH) == 0


def test_a_broken_state_file(tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer) -> None:
    fetch(tmp_path, web, item)
    for text in ("", "[]", "{}", '{"url": 3, "validator": null, "size": "x"}'):
        (tmp_path / f"{item.name}.json").write_text(text, encoding="utf-8")
        assert fetch(tmp_path, web, item)[0].read_bytes() == DATA


def test_a_mirror_has_its_own_lists(tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer) -> None:
    fetch(tmp_path, web, item)
    server.put("/elsewhere/list.csv", OTHER)
    mirrored = RemoteList(f"{server.base}/elsewhere/list.csv", item.columns)
    assert fetch(tmp_path, web, mirrored)[0].read_bytes() == OTHER


def test_a_web_page_is_not_a_list(tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer) -> None:
    server.faults[PATH] = [Answer(body=HTML)]
    with pytest.raises(Unusable, match="log in"):
        fetch(tmp_path, web, item)
    assert not (tmp_path / item.name).exists()
    assert fetch(tmp_path, web, item)[0].read_bytes() == DATA


def test_a_server_that_does_not_send_the_length(
    tmp_path: Path, web: Web, item: RemoteList, server: OpenImagesServer
) -> None:
    server.always[PATH] = Answer(length=False)
    assert to_fetch(tmp_path, web, item) is None
    assert fetch(tmp_path, web, item)[0].read_bytes() == DATA


def test_a_missing_list(tmp_path: Path, web: Web, server: OpenImagesServer) -> None:
    gone = RemoteList(f"{server.base}/gone.csv", ("ImageID",))
    with pytest.raises(DownloadError, match=r"gone\.csv does not exist at http://"):
        fetch(tmp_path, web, gone)


def test_no_space(tmp_path: Path, web: Web, item: RemoteList, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=len(DATA)))
        with pytest.raises(DownloadError, match="not enough space"):
            fetch(tmp_path, web, item)
    assert fetch(tmp_path, web, item)[0].read_bytes() == DATA


def test_a_disk_that_fills_up(tmp_path: Path, web: Web, item: RemoteList, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(list_cache, "sync", full)
        with pytest.raises(DownloadError, match="space on the disk"):
            fetch(tmp_path, web, item)
    assert not (tmp_path / item.name).exists()
    assert fetch(tmp_path, web, item)[0].read_bytes() == DATA


def test_two_downloads_at_once(tmp_path: Path, web: Web, item: RemoteList) -> None:
    with (
        ListCache(tmp_path, web).hold(),
        pytest.raises(DownloadError, match="Another download"),
        ListCache(tmp_path, web).hold(),
    ):
        pytest.fail("both have it")
    fetch(tmp_path, web, item)


def test_a_cache_that_can_not_be_made(tmp_path: Path, web: Web, item: RemoteList) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DownloadError, match="can't be written to"):
        fetch(tmp_path / "file" / "cache", web, item)
