"""How the lists of Open Images are read, good lines and bad ones."""

import re
from pathlib import Path

import pytest

from alpacasorter.training.open_images.catalog import (
    SUBSETS,
    Classes,
    PhotoClass,
    Source,
    UnknownClass,
    order_key,
    read_labels,
    read_photo_list,
)
from tests.training.open_images.server import ALPACA, LLAMA, PHOTO_HEADER

A, B, C = "000000000000000a", "000000000000000b", "000000000000000c"


@pytest.fixture
def classes(tmp_path: Path) -> Classes:
    everything = tmp_path / "all.csv"
    everything.write_text(
        "\ufeffLabelName,DisplayName\n/m/0pcr,Alpaca\n/m/0cl6s,Llama\n/m/1,Human face\n/m/2,Jaguar\n/m/3,Jaguar\n"
        '/m/4,"Dog, small"\nnonsense\n/m/5,Ñandú\n/m/6,Aux\n/m/7,ラマ\n/m/8,C++\n',
        encoding="utf-8",
    )
    boxed = tmp_path / "boxed.csv"
    boxed.write_text("/m/0pcr,Alpaca\n/m/3,Jaguar\n", encoding="utf-8")
    return Classes(everything, boxed)


@pytest.mark.parametrize("name", ["Alpaca", "alpaca", " ALPACA "])
def test_a_class_is_found_whatever_the_case(classes: Classes, name: str) -> None:
    assert classes.find(name) == PhotoClass("Alpaca", frozenset({ALPACA}), True)


def test_names_that_are_folders_are_found_too(classes: Classes) -> None:
    assert classes.find("human_face").name == "Human face"
    assert classes.find("dog, small").folder == "dog_small"


def test_one_name_may_stand_for_several_labels(classes: Classes) -> None:
    assert classes.find("jaguar") == PhotoClass("Jaguar", frozenset({"/m/2", "/m/3"}), True)
    assert not classes.find("Llama").in_training


def test_an_unknown_class_names_those_that_are_close(classes: Classes) -> None:
    with pytest.raises(UnknownClass, match=r"no class “alpakka”\. Did you mean Alpaca\?"):
        classes.find("alpakka")
    with pytest.raises(UnknownClass, match=r"no class “qqq”\..*alpacasorter dataset classes"):
        classes.find("qqq")


def test_search(classes: Classes) -> None:
    assert [one.name for one in classes.search("A")] == sorted(
        ["Alpaca", "Aux", "Dog, small", "Human face", "Jaguar", "Llama", "Ñandú"]
    )
    assert [one.name for one in classes.search("lama")] == ["Llama"]
    assert len(classes.search("")) == 9


@pytest.mark.parametrize(
    ("name", "folder"), [("Ñandú", "nandu"), ("Aux", "aux_photos"), ("ラマ", "m_7"), ("C++", "c"), ("Alpaca", "alpaca")]
)
def test_folder_names_are_allowed_on_every_system(classes: Classes, name: str, folder: str) -> None:
    assert classes.find(name).folder == folder


def test_labels(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(
        f"ImageID,Source,LabelName,Confidence\n{A},verification,{ALPACA},1\n{A},verification,{LLAMA},0\n"
        f"{B},crowdsource-verification,{ALPACA},0.0\r\n{C},verification,{ALPACA},1.0\n"
        f"{C},machine,{ALPACA},0.7\n../../x,verification,{ALPACA},1\n{A[:-1]}G,verification,{ALPACA},1\n"
        f"{C},verification,{ALPACA}x,1\n{C},verification,{ALPACA}\n{C},,{ALPACA},1,1\n,,,\n\n".encode()
        + b"\xff\xfe\x00"
        + f"\n{B},verification,{ALPACA},1".encode()
    )
    assert list(read_labels(path, {ALPACA})) == [
        (A, ALPACA, True),
        (B, ALPACA, False),
        (C, ALPACA, True),
        (B, ALPACA, True),
    ]
    assert list(read_labels(path, {ALPACA, LLAMA}))[1] == (A, LLAMA, False)


def test_photo_list(tmp_path: Path) -> None:
    row = "{},train,http://o,http://l,http://cc,http://p,{},{},1,m,t,{}\n"
    path = tmp_path / "photos.csv"
    path.write_bytes(
        (
            ",".join(PHOTO_HEADER)
            + "\n"
            + row.format(B, "Bo", "plain", "90.0")
            + row.format(A, '"Ana ""the"" Poet, Jr."', '"two\nlines, and an id:\n' + C + ',"', "0.0")
            + f"{C},cut short\n"
            + row.format("../../x", "evil", "x", "")
        ).encode()
    )
    found = read_photo_list(path, {A, B, C})
    assert set(found) == {A, B}
    assert found[A].author == 'Ana "the" Poet, Jr.'
    assert found[A].title == f"two\nlines, and an id:\n{C},"
    assert (found[B].title, found[B].rotation, found[B].license) == ("plain", "90.0", "http://cc")
    assert (found[B].original_url, found[B].original_page, found[B].author_page) == ("http://o", "http://l", "http://p")


def test_photo_list_with_damage(tmp_path: Path) -> None:
    path = tmp_path / "photos.csv"
    good = f"{B},t,o,l,c,p,Bo,title,1,m,t,0\n".encode()
    path.write_bytes(f'{A},t,o,l,c,p,"never closed,x,1,m,t,0\n'.encode() + b"line\n" * 30 + b"\xff\xfe\n" + good)
    assert set(read_photo_list(path, {A, B})) == {B}
    path.write_bytes(f"{B},t,o,l,c,p,B\u2028o,Caf\xe9,1,m,t,\n".encode("latin-1", "replace") + b"")
    assert read_photo_list(path, {B})[B].title == "Caf\ufffd"
    path.write_bytes(b"")
    assert read_photo_list(path, {B}) == {}


def test_the_order_is_shuffled_but_always_the_same() -> None:
    ids = [f"{number:016x}" for number in range(50)]
    first = sorted(ids, key=lambda one: order_key(0, one))
    assert first == sorted({*ids}, key=lambda one: order_key(0, one))
    assert first != ids
    assert first != sorted(ids, key=lambda one: order_key(1, one))


def test_all_addresses_are_https_and_each_list_has_a_name_of_its_own() -> None:
    source = Source()
    lists = [source.classes(), source.classes_with_boxes()]
    lists += [kind(subset) for kind in (source.labels, source.photo_list) for subset in SUBSETS]
    assert len({one.name for one in lists}) == len(lists)
    urls = [one.url for one in lists] + [source.photo("train", A)]
    assert all(re.fullmatch(r"https://[a-z0-9./_-]+\.(csv|jpg)", url, re.IGNORECASE) for url in urls)
    assert source.photo("train", A).endswith(f"/train/{A}.jpg")
    mirror = Source.mirror("http://127.0.0.1:80/x/")
    assert mirror.photo("test", A) == f"http://127.0.0.1:80/x/open-images-dataset/test/{A}.jpg"
    assert mirror.classes().url == "http://127.0.0.1:80/x/openimages/v7/oidv7-class-descriptions.csv"
