"""Downloading photos from a server on this machine: what arrives, what is left out, and going on after a stop."""

import contextlib
import csv
import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import pytest

from alpacasorter.core import safe_write
from alpacasorter.core.photos.decode import decode
from alpacasorter.training.data.dataset import read_dataset
from alpacasorter.training.open_images import saving
from alpacasorter.training.open_images.catalog import Source, UnknownClass
from alpacasorter.training.open_images.download import download
from alpacasorter.training.open_images.events import (
    Begun,
    Downloaded,
    DownloadEvent,
    DownloadRequest,
    Kept,
    LeftOut,
    ListsNeeded,
    NotInTraining,
)
from alpacasorter.training.open_images.fetch import DownloadError, Patience
from tests.picture_files import picture_bytes
from tests.training.open_images.server import (
    ALPACA,
    HIKING,
    HTML,
    LABEL_LISTS,
    LICENCE,
    LLAMA,
    PHOTO_LISTS,
    SHEEP,
    Answer,
    OpenImagesServer,
)

QUICK = Patience(timeout=1.0, tries=3, pause=0.0)


class Downloads:
    """Runs downloads from the server into a folder."""

    def __init__(self, server: OpenImagesServer, folder: Path) -> None:
        self.server = server
        self.out = folder / "photos"
        self.cache = folder / "cache"

    def events(self, *classes: str, limit: int = 100, patience: Patience = QUICK, **options: object):
        request = DownloadRequest(self.out, classes or ("Alpaca",), limit, **options)  # type: ignore[arg-type]
        return download(request, source=Source.mirror(self.server.base), cache=self.cache, patience=patience)

    def __call__(self, *classes: str, **options: object) -> list[DownloadEvent]:
        return list(self.events(*classes, **options))  # type: ignore[arg-type]

    def photos(self, folder: str = "alpaca") -> set[str]:
        return {path.stem for path in (self.out / folder).glob("*")}

    def rows(self) -> dict[str, dict[str, str]]:
        with (self.out / "ATTRIBUTION.csv").open(encoding="utf-8", newline="") as file:
            return {row["file"]: row for row in csv.DictReader(file)}

    def is_whole(self) -> bool:
        """Every photo has its line with its hash, is a picture, and nothing else lies about."""
        rows = self.rows()
        files = {path for path in self.out.rglob("*") if path.is_file() and path.name != "ATTRIBUTION.csv"}
        for path in files:
            data = path.read_bytes()
            decode(data, min_side=8)
            assert rows[path.relative_to(self.out).as_posix()]["sha256"] == hashlib.sha256(data).hexdigest()
        assert not (self.out / ".unfinished").exists()
        return True


@pytest.fixture
def downloads(server: OpenImagesServer, tmp_path: Path) -> Downloads:
    return Downloads(server, tmp_path)


@pytest.fixture
def herd(server: OpenImagesServer) -> dict[str, list[str]]:
    """Alpacas in each subset, and photos of which people said that there is none."""
    ids = {
        "validation": [server.add("validation", n, yes=(ALPACA,)) for n in range(6)],
        "test": [server.add("test", n, yes=(ALPACA,)) for n in range(6)],
        "train": [server.add("train", n, yes=(ALPACA,)) for n in range(8)],
        "none": [server.add("validation", n, no=(ALPACA,)) for n in range(20, 26)],
    }
    server.publish()
    return ids


def last(events: list[DownloadEvent]) -> Downloaded:
    assert isinstance(events[-1], Downloaded)
    return events[-1]


def test_photos_arrive_with_their_authors(downloads: Downloads, server: OpenImagesServer) -> None:
    title = 'Two "alpacas",\n=1+1'
    image_id = server.add("validation", 1, yes=(ALPACA,), Title=title, Author="=HYPERLINK(1)", Rotation="90.0")
    server.publish()
    events = downloads(limit=1)
    assert downloads.photos() == {image_id}
    path = downloads.out / "alpaca" / f"{image_id}.jpg"
    served = server.files[server.photo(image_id)]
    assert path.read_bytes() == served
    assert downloads.rows() == {
        f"alpaca/{image_id}.jpg": {
            "file": f"alpaca/{image_id}.jpg",
            "class": "Alpaca",
            "image_id": image_id,
            "subset": "validation",
            "licence": LICENCE,
            "author": "'=HYPERLINK(1)",
            "author_page": "https://photos.example/people/ana",
            "title": 'Two "alpacas", =1+1',
            "original_page": f"https://photos.example/{image_id}",
            "original_url": f"https://photos.example/{image_id}_o.jpg",
            "fetched_from": server.base + server.photo(image_id),
            "rotation": "90.0",
            "width": "64",
            "height": "48",
            "sha256": hashlib.sha256(served).hexdigest(),
        }
    }
    assert [event for event in events if isinstance(event, Kept | Begun)] == [Begun(0, 1), Kept(path, 1, 1)]
    assert last(events).folders[0].there == 1
    assert downloads.is_whole()


def test_small_subsets_come_first_and_large_lists_only_where_needed(
    downloads: Downloads, herd: dict[str, list[str]], server: OpenImagesServer
) -> None:
    downloads(limit=4)
    assert downloads.photos() < set(herd["validation"])
    assert server.times_asked(LABEL_LISTS["test"], "HEAD") == 0
    few = downloads.photos()
    downloads(limit=9)
    assert few | set(herd["validation"]) < downloads.photos() < set(herd["validation"] + herd["test"])
    assert server.times_asked(PHOTO_LISTS["train"]) == 0
    done = last(downloads(limit=100))
    assert downloads.photos() == set(herd["validation"] + herd["test"] + herd["train"])
    assert (done.folders[0].there, done.folders[0].wanted, done.folders[0].fetched) == (20, 100, 11)
    assert len(server.photos_asked()) == 20
    assert max(server.sent.values()) == 1
    assert downloads.is_whole()


def test_a_larger_limit_takes_the_same_photos_and_more(herd: object, server: OpenImagesServer, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    small, large = Downloads(server, tmp_path / "a"), Downloads(server, tmp_path / "b")
    small(limit=3, connections=1)
    large(limit=5, connections=8)
    few = small.photos()
    assert few < large.photos()
    small(limit=5)
    assert small.photos() == large.photos()
    (tmp_path / "c").mkdir()
    other = Downloads(server, tmp_path / "c")
    other(limit=3, seed=2)
    assert other.photos() != few


def test_the_seed_decides_which(herd: object, server: OpenImagesServer, tmp_path: Path) -> None:
    taken = set()
    for seed in range(6):
        (tmp_path / str(seed)).mkdir()
        one = Downloads(server, tmp_path / str(seed))
        one(limit=2, seed=seed)
        taken.add(frozenset(one.photos()))
    assert len(taken) > 1


def test_subsets_can_be_chosen(downloads: Downloads, herd: dict[str, list[str]]) -> None:
    events = downloads(subsets=("test",))
    assert downloads.photos() == set(herd["test"])
    assert [event.subset for event in events if isinstance(event, ListsNeeded)] == ["test"]


def test_what_must_be_fetched_is_said_before(
    downloads: Downloads, herd: dict[str, list[str]], server: OpenImagesServer
) -> None:
    size = sum(len(server.files[of["validation"]]) for of in (LABEL_LISTS, PHOTO_LISTS))
    assert [event for event in downloads(limit=2) if isinstance(event, ListsNeeded)] == [
        ListsNeeded("validation", size)
    ]
    assert [event for event in downloads(limit=3) if isinstance(event, ListsNeeded)] == [ListsNeeded("validation", 0)]


def test_nothing_is_asked_for_where_all_is_there(
    downloads: Downloads, herd: dict[str, list[str]], server: OpenImagesServer
) -> None:
    downloads(limit=4)
    server.asked.clear()
    events = downloads(limit=4)
    assert [method for method, _, _ in server.asked] == ["HEAD", "HEAD"]
    assert events[0] == Begun(4, 4)
    assert last(events).folders[0].fetched == 0


def test_others_are_photos_that_people_said_it_is_not(downloads: Downloads, herd: dict[str, list[str]]) -> None:
    done = last(downloads(limit=4, others=5))
    assert downloads.photos("not_alpaca") < set(herd["none"])
    assert [(one.folder, one.photo_class, one.there) for one in done.folders] == [
        ("alpaca", "Alpaca", 4),
        ("not_alpaca", "not Alpaca", 5),
    ]
    dataset = read_dataset([downloads.out])
    assert dataset.class_names == ("not_alpaca", "alpaca")
    assert len(dataset.examples) == 9
    assert dataset.problems == ()


def test_look_alikes_take_turns(downloads: Downloads, server: OpenImagesServer) -> None:
    server.add("validation", 0, yes=(ALPACA,))
    sheep = {server.add("validation", n, yes=(SHEEP,)) for n in range(1, 41)}
    llamas = {server.add("validation", n, yes=(LLAMA,)) for n in range(41, 44)}
    both = server.add("validation", 50, yes=(ALPACA, SHEEP))
    server.publish()
    downloads(limit=1, others=6, look_alikes=("Sheep", "Llama"), subsets=("validation",))
    others = downloads.photos("not_alpaca")
    assert (len(others & sheep), len(others & llamas)) == (3, 3)
    assert both not in others


def test_doubtful_photos_are_left_out(downloads: Downloads, server: OpenImagesServer) -> None:
    alpaca = server.add("validation", 0, yes=(ALPACA,), no=(SHEEP,))
    sheep = server.add("validation", 1, yes=(SHEEP,))
    server.add("validation", 2, yes=(ALPACA, SHEEP))
    server.add("validation", 3, yes=(ALPACA,), no=(ALPACA,))
    neither = server.add("validation", 4, no=(ALPACA, SHEEP))
    server.publish()
    downloads("Alpaca", "sheep", "ALPACA", others=10)
    assert (downloads.photos(), downloads.photos("sheep")) == ({alpaca}, {sheep})
    assert downloads.photos("others") == {neither}


def test_a_class_that_training_photos_are_not_labeled_with(downloads: Downloads, server: OpenImagesServer) -> None:
    image_id = server.add("test", 0, yes=(HIKING,))
    server.publish()
    events = downloads("Hiking")
    assert NotInTraining(("Hiking",)) in events
    assert downloads.photos("hiking") == {image_id}
    assert server.times_asked(PHOTO_LISTS["train"], "HEAD") == 0


def test_an_unknown_class_changes_nothing(downloads: Downloads) -> None:
    with pytest.raises(UnknownClass, match="Did you mean Alpaca"):
        downloads("Alpaka")
    with pytest.raises(UnknownClass):
        downloads(others=3, look_alikes=("Sheeep",))
    with pytest.raises(DownloadError, match="can't be both"):
        downloads(others=3, look_alikes=("Alpaca",))
    assert not downloads.out.exists()


def test_faults_on_the_way_of_photos(
    downloads: Downloads, herd: dict[str, list[str]], server: OpenImagesServer
) -> None:
    again = [
        [Answer(code=500), Answer(code=500)],
        [Answer(cut=200)],
        [Answer(cut=200, reset=True)],
        [Answer(hang=True)],
        [Answer(body=HTML)],
        [Answer(cut=300, length=False)],
    ]
    for image_id, faults in zip(herd["validation"], again, strict=True):
        server.faults[server.photo(image_id)] = faults
    done = last(downloads(limit=6))
    assert downloads.photos() == set(herd["validation"])
    assert done.left_out == ()
    assert downloads.is_whole()


def test_what_can_not_be_had_is_counted_and_replaced(
    downloads: Downloads, herd: dict[str, list[str]], server: OpenImagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "MAX_PHOTO_BYTES", 100_000)
    bad = [
        Answer(code=404),
        Answer(code=500),
        Answer(body=HTML),
        Answer(body=picture_bytes("png")),
        Answer(body=bytes(100_001)),
        Answer(body=server.files[server.photo(herd["validation"][5])][:300]),
    ]
    for image_id, answer in zip(herd["validation"], bad, strict=True):
        server.always[server.photo(image_id)] = answer
    events = downloads(limit=6)
    assert downloads.photos() == set(herd["test"])
    assert dict(last(events).left_out) == {"missing": 1, "unreachable": 1, "unusable": 3, "too large": 1}
    assert len([event for event in events if isinstance(event, LeftOut)]) == 6
    assert downloads.is_whole()
    # Not for good: next time they are tried again.
    server.always.clear()
    downloads(limit=12)
    assert downloads.photos() == set(herd["validation"] + herd["test"])


def test_where_the_network_fails_for_good_it_stops(
    downloads: Downloads, herd: dict[str, list[str]], server: OpenImagesServer
) -> None:
    for ids in herd.values():
        for image_id in ids:
            server.always[server.photo(image_id)] = Answer(body=HTML)
    with pytest.raises(DownloadError, match=r"No more photos can be downloaded\. This is a web page\."):
        downloads(connections=2)
    assert downloads.photos() == set()
    assert len(server.photos_asked()) < 30
    server.always.clear()
    downloads()
    assert len(downloads.photos()) == 20


def test_a_photo_without_a_licence_is_left_alone(downloads: Downloads, server: OpenImagesServer) -> None:
    server.add("validation", 0, yes=(ALPACA,), License="")
    unlisted = server.add("test", 1, yes=(ALPACA,))
    server.publish()
    listed = server.files[PHOTO_LISTS["test"]].replace(unlisted.encode(), b"f" * 16)
    server.put(PHOTO_LISTS["test"], listed)
    assert dict(last(downloads()).left_out) == {"no licence": 2}
    assert server.photos_asked() == []


def test_names_that_lead_elsewhere_are_no_names(downloads: Downloads, server: OpenImagesServer) -> None:
    for name in ("../../../evil", "..%2f..%2fevil_id", "/etc/passwd_0000", "C:\\windows\\evil"):
        server.add("validation", 0, yes=(ALPACA,), ImageID=name)
    good = server.add("validation", 1, yes=(ALPACA,))
    server.publish()
    before = {path for path in downloads.out.parent.parent.rglob("*") if path.is_file()}
    downloads()
    assert downloads.photos() == {good}
    after = {path for path in downloads.out.parent.parent.rglob("*") if path.is_file()} - before
    assert all(path.is_relative_to(downloads.out) or path.is_relative_to(downloads.cache) for path in after)


def test_a_file_that_is_not_ours_is_never_replaced(
    downloads: Downloads, herd: dict[str, list[str]], server: OpenImagesServer
) -> None:
    mine = downloads.out / "alpaca" / f"{herd['validation'][0]}.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    done = last(downloads(subsets=("validation",)))
    assert mine.read_bytes() == b"mine"
    assert done.left_out == (("name taken", 1),)
    assert server.times_asked(server.photo(herd["validation"][0])) == 0
    assert len(downloads.rows()) == 5


def test_a_file_that_takes_the_name_meanwhile_is_not_replaced(
    downloads: Downloads, server: OpenImagesServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = server.add("validation", 0, yes=(ALPACA,))
    server.publish()
    write_new = saving.write_new

    def late(path: Path, chunks: Iterable[bytes]) -> None:
        write_new(path, chunks)
        (downloads.out / "alpaca").mkdir()
        (downloads.out / "alpaca" / f"{image_id}.jpg").write_bytes(b"mine")

    monkeypatch.setattr(saving, "write_new", late)
    for links in (True, False):
        if not links:
            monkeypatch.setattr(os, "link", refuse_links)
            (downloads.out / "ATTRIBUTION.csv").unlink()
            (downloads.out / "alpaca" / f"{image_id}.jpg").unlink()
            (downloads.out / "alpaca").rmdir()
        assert last(downloads()).left_out == (("name taken", 1),)
        assert (downloads.out / "alpaca" / f"{image_id}.jpg").read_bytes() == b"mine"
        assert not (downloads.out / ".unfinished").exists()


def refuse_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "no links here")


def test_a_disk_without_links(
    downloads: Downloads, herd: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse_links)
    downloads(limit=6)
    assert downloads.photos() == set(herd["validation"])
    assert downloads.is_whole()


def test_photos_that_the_user_deleted_stay_away(
    downloads: Downloads, herd: dict[str, list[str]], server: OpenImagesServer
) -> None:
    downloads(limit=6)
    gone = herd["validation"][2]
    (downloads.out / "alpaca" / f"{gone}.jpg").unlink()
    downloads(limit=6)
    assert gone not in downloads.photos()
    assert len(downloads.photos()) == 6
    assert server.times_asked(server.photo(gone)) == 1


def test_stopped_half_way_it_goes_on_and_fetches_nothing_twice(
    downloads: Downloads, herd: dict[str, list[str]], server: OpenImagesServer
) -> None:
    server.hold_photos_after = 5
    kept = 0
    # The photos that hang would hang for minutes: closing breaks them off.
    with contextlib.closing(downloads.events(limit=12, connections=3, patience=Patience(timeout=150))) as events:
        for event in events:
            kept += isinstance(event, Kept)
            if kept == 5:
                break
    assert len(downloads.photos()) == 5
    assert downloads.is_whole()
    server.hold_photos_after = None
    events_again = downloads(limit=12)
    assert events_again[0] == Begun(5, 12)
    assert downloads.photos() == set(herd["validation"] + herd["test"])
    assert {path: count for path, count in server.sent.items() if count > 1} == {}
    assert downloads.is_whole()


def test_what_has_arrived_when_it_is_stopped_is_kept(
    downloads: Downloads, herd: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        while len(list((downloads.out / ".unfinished").iterdir())) < 6:
            time.sleep(0.005)
        raise KeyboardInterrupt

    monkeypatch.setattr("alpacasorter.training.open_images.download.wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        downloads(limit=6, connections=6)
    monkeypatch.undo()
    assert downloads.photos() == set(herd["validation"])
    assert downloads.is_whole()


def full_after(count: int, work: Callable[..., object]) -> Callable[..., object]:
    calls = []

    def replacement(*arguments: object) -> object:
        if isinstance(arguments[0], Path) and arguments[0].parent.name != ".unfinished":
            return work(*arguments)  # a list, not a photo
        calls.append(arguments)
        if len(calls) > count:
            raise OSError(errno.ENOSPC, "No space left on device")
        return work(*arguments)

    return replacement


@pytest.mark.parametrize(("module", "name"), [(safe_write, "flush_file"), (saving, "sync")], ids=["photos", "the list"])
def test_a_full_disk_stops_with_a_sentence(
    downloads: Downloads,
    herd: dict[str, list[str]],
    server: OpenImagesServer,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    name: str,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(module, name, full_after(3, getattr(module, name)))
        with pytest.raises(DownloadError, match="space on the disk"):
            downloads(limit=6, connections=1)
    assert 0 < len(downloads.photos()) < 6
    assert downloads.is_whole()
    assert len(downloads.rows()) == len(downloads.photos())
    downloads(limit=6)
    assert downloads.photos() == set(herd["validation"])


@pytest.mark.parametrize("moment", ["written", "listed", "linked"])
def test_killed_at_the_worst_moment(
    downloads: Downloads, server: OpenImagesServer, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Whatever a process leaves that ends without a last word, the next run puts right."""
    image_id = server.add("validation", 0, yes=(ALPACA,))
    server.publish()

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    def link_and_kill(old: Path, new: Path) -> None:
        new.write_bytes(old.read_bytes())
        raise Killed

    with monkeypatch.context() as patched:
        if moment == "written":
            patched.setattr(saving.Attribution, "add", kill)
        else:
            patched.setattr(saving, "publish", kill if moment == "listed" else link_and_kill)
        with pytest.raises(Killed):
            downloads()
    assert (downloads.out / ".unfinished" / f"alpaca-{image_id}.jpg").exists()
    downloads()
    assert downloads.photos() == {image_id}
    assert server.sent[server.photo(image_id)] == (2 if moment == "written" else 1)
    assert downloads.is_whole()


def test_a_line_that_was_cut_short_is_made_anew(downloads: Downloads, herd: dict[str, list[str]]) -> None:
    downloads(limit=3)
    path = downloads.out / "ATTRIBUTION.csv"
    whole = path.read_bytes()
    path.write_bytes(whole + b'alpaca/00,"Al')
    downloads(limit=3)
    assert path.read_bytes() == whole
    path.write_bytes(whole + b"../../x,a,b\nshort\n")
    downloads(limit=4)
    assert downloads.is_whole()
    assert len(downloads.photos()) == 4


@pytest.mark.parametrize("data", [b"mine\n", b"file;class\n", b"\xff\xfe\x00\n", b'"open\n'])
def test_a_list_of_another_kind_is_left_alone(downloads: Downloads, herd: object, data: bytes) -> None:
    downloads.out.mkdir()
    (downloads.out / "ATTRIBUTION.csv").write_bytes(data)
    with pytest.raises(DownloadError, match="not written by a download"):
        downloads()
    assert (downloads.out / "ATTRIBUTION.csv").read_bytes() == data


def test_two_downloads_into_one_folder(downloads: Downloads, herd: object, tmp_path: Path) -> None:
    running = downloads.events(limit=3)
    while not isinstance(next(running), Begun):
        pass
    other = Downloads(downloads.server, tmp_path)
    other.cache = tmp_path / "another cache"
    with pytest.raises(DownloadError, match=r"Another download is writing to .*photos"):
        other(limit=3)
    running.close()
    other(limit=3)
    assert len(downloads.photos()) == 3


def test_an_out_folder_that_can_not_be_made(downloads: Downloads, herd: object) -> None:
    downloads.out.write_bytes(b"")
    with pytest.raises(DownloadError, match="can't be written to"):
        downloads()
