"""Pictures made anew: what is taken, what is not, and what is left of a file."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.ExifTags import Base

from chalicelib.uploads import images
from chalicelib.uploads.images import NotAccepted, developed
from tests.pictures import TYPES, encoded, gradient, jpeg_of_scans, metadata_of, png

KINDS = list(TYPES)
MODES = {"JPEG": "1 L RGB CMYK YCbCr", "PNG": "1 L LA P RGB RGBA I I;16", "WEBP": "L LA RGB RGBA CMYK"}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # made once: the time is in it
SEPARATE = {1: "tl tr", 2: "tr tl", 3: "br bl", 4: "bl br", 5: "tl bl", 6: "bl tl", 7: "br tr", 8: "tr br"}
"""By EXIF's orientation: the corners of the stored picture that are shown at the top left and the top right."""


@pytest.mark.parametrize("kind", KINDS)
def test_each_accepted_type_is_made_anew_in_both_sizes(kind: str) -> None:
    made = developed(encoded(gradient(2000, 1000), kind), TYPES[kind])

    assert (made.width, made.height) == (1280, 640)
    assert {size: _opened(file).size for size, file in made.renditions.items()} == {1280: (1280, 640), 320: (320, 160)}
    assert {_opened(file).format for file in made.renditions.values()} == {"WEBP"}


@settings(max_examples=40)
@given(st.integers(1, 3000), st.integers(1, 3000), st.sampled_from(KINDS))
def test_no_size_is_enlarged_and_none_is_larger_than_it_may_be(width: int, height: int, kind: str) -> None:
    made = developed(encoded(Image.new("RGB", (width, height)), kind), TYPES[kind])

    for size, file in made.renditions.items():
        shown = _opened(file)
        assert max(shown.size) == min(size, max(width, height))
        assert abs(shown.width * height - shown.height * width) <= max(width, height)
    assert (made.width, made.height) == _opened(made.renditions[1280]).size


@pytest.mark.parametrize("kind", KINDS)
def test_colours_stay_what_they_are(kind: str) -> None:
    picture = gradient()

    assert _difference(_made(encoded(picture, kind), kind), picture) < 12


@pytest.mark.parametrize(
    ("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes.split()], ids=str
)
@pytest.mark.filterwarnings("ignore:Saving I mode")
def test_every_mode_of_a_format_ends_as_colour(kind: str, mode: str) -> None:
    picture = Image.new(mode, (20, 10)) if mode.startswith("I") else gradient(20, 10).convert(mode)

    assert _made(encoded(picture, kind), kind).mode in {"RGB", "RGBA"}


def test_sixteen_bits_become_eight_by_scale() -> None:
    rows = b"".join(b"\0" + b"".join((level * 4096).to_bytes(2) for level in range(16)) for _ in range(4))

    made = _made(png(16, 4, rows, depth=16, colour=0), "PNG").convert("L")

    assert [abs(made.getpixel((level, 2)) - level * 16) < 8 for level in range(16)] == [True] * 16


def test_transparency_stays_and_what_it_hides_does_not() -> None:
    picture = gradient().convert("RGBA")
    picture.putalpha(Image.new("L", picture.size, 0))

    made = _made(encoded(picture, "PNG"), "PNG")

    assert made.mode == "RGBA"
    assert made.getextrema()[3] == (0, 0)
    assert len(made.convert("RGB").getcolors() or []) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_the_camera_was_held(kind: str, orientation: int) -> None:
    stored = gradient(60, 40)
    exif = Image.Exif()
    exif[Base.Orientation] = orientation

    made = _made(encoded(stored, kind, exif=exif), kind)

    wanted = SEPARATE[orientation].split()
    assert made.size == ((60, 40) if orientation < 5 else (40, 60))
    assert [
        _corner(made, corner) == _corner(stored, want) for corner, want in zip(("tl", "tr"), wanted, strict=True)
    ] == [True] * 2


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"x" * 100]
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_note_that_cannot_be_read_does_not_cost_the_picture(kind: str, exif: bytes) -> None:
    assert _made(encoded(gradient(), kind, exif=exif), kind).size == (64, 48)


@pytest.mark.parametrize("kind", KINDS)
def test_a_profile_is_applied(kind: str) -> None:
    swapped = gradient()
    profile = _profile_of_swapped_primaries()

    made = _made(encoded(swapped, kind, icc_profile=profile), kind)

    assert _difference(made, swapped) > 20


@pytest.mark.parametrize(
    "profile", [b"", b"x", b"\0" * 200, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()]
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_profile_that_cannot_be_used_is_not(kind: str, profile: bytes) -> None:
    assert _difference(_made(encoded(gradient(), kind, icc_profile=profile), kind), gradient()) < 12


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_pixels_is_left(kind: str) -> None:
    file = encoded(gradient(), kind, **_everything(kind))
    assert metadata_of(file, kind)

    made = developed(file, TYPES[kind])

    assert [metadata_of(rendition, "WEBP") for rendition in made.renditions.values()] == [set(), set()]


def test_the_check_of_metadata_sees_what_pillow_writes() -> None:
    assert metadata_of(encoded(gradient(), "WEBP", **_everything("WEBP")), "WEBP") == {"EXIF", "ICCP", "XMP "}


@pytest.mark.parametrize("declared", KINDS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "ICO", "PDF", "JPEG2000", "PPM", "AVIF"])
def test_only_what_was_declared_is_taken(kind: str, declared: str) -> None:
    if kind == declared:
        return

    with pytest.raises(NotAccepted, match=f"not {declared}"):
        developed(encoded(gradient(), kind), TYPES[declared])


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_moving_pictures_are_not_taken(kind: str) -> None:
    frames = [gradient().rotate(angle) for angle in (0, 90, 180)]

    with pytest.raises(NotAccepted, match="Moving"):
        developed(encoded(frames[0], kind, save_all=True, append_images=frames[1:]), TYPES[kind])


def test_a_preview_behind_the_picture_of_a_camera_is_no_second_frame() -> None:
    file = encoded(gradient(), "MPO", save_all=True, append_images=[gradient(32, 24)])

    assert _made(file, "JPEG").size == (64, 48)


@pytest.mark.parametrize(
    ("width", "height"), [(20_000, 20_000), (8_000, 5_001), (2**31 - 1, 2**31 - 1), (40_000_001, 1)]
)
def test_too_many_pixels_are_refused_before_they_are_decoded(
    width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image.Image, "load", _never)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", _never)

    with pytest.raises(NotAccepted, match="40 million"):
        developed(png(width, height, b""), "image/png")


def test_as_many_pixels_as_are_accepted_are_taken() -> None:
    assert developed(encoded(Image.new("1", (8_000, 5_000)), "PNG"), "image/png").width == 1280


def test_a_jpeg_that_is_read_many_times_over_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.load", _never)

    with pytest.raises(NotAccepted, match="damaged"):
        developed(jpeg_of_scans(101), "image/jpeg")


@pytest.mark.parametrize("scans", [20, 100])
def test_a_jpeg_of_some_scans_is_taken(scans: int) -> None:
    assert _made(jpeg_of_scans(scans), "JPEG").size == (64, 48)


def test_scans_of_a_preview_do_not_count() -> None:
    preview = jpeg_of_scans(20)
    file = encoded(gradient(), "JPEG", exif=b"Exif\0\0" + preview) + preview * 20

    assert images._scans(file) == images._scans(encoded(gradient(), "JPEG"))


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=60)
@given(st.data(), st.sampled_from(KINDS))
def test_whatever_is_done_to_a_file_it_is_made_anew_or_refused(data: st.DataObject, kind: str) -> None:
    file = bytearray(encoded(gradient(), kind, **_everything(kind)))
    for position, value in data.draw(
        st.lists(st.tuples(st.integers(0, len(file) - 1), st.integers(0, 255)), max_size=12)
    ):
        file[position] = value
    end = data.draw(st.integers(0, len(file)))

    try:
        made = developed(bytes(file[:end]), TYPES[kind])
    except NotAccepted:
        return
    assert [metadata_of(rendition, "WEBP") for rendition in made.renditions.values()] == [set(), set()]


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from(KINDS))
def test_anything_behind_a_signature_is_refused_in_good_order(noise: bytes, kind: str) -> None:
    with pytest.raises(NotAccepted):
        developed(
            {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "WEBP": b"RIFF\x10\0\0\0WEBP"}[kind] + noise,
            TYPES[kind],
        )


@pytest.mark.parametrize(("size", "declared"), [(11, 10), (10 * 1024 * 1024 + 1, 10 * 1024 * 1024 + 1)])
def test_more_bytes_than_were_declared_or_are_accepted_are_refused(size: int, declared: int) -> None:
    with pytest.raises(NotAccepted, match="larger"):
        images.check_size(size, declared)


def test_fewer_bytes_than_were_declared_are_taken() -> None:
    images.check_size(9, 10)


def _everything(kind: str) -> dict[str, Any]:
    """Each kind of metadata that a format can hold."""
    exif = Image.Exif()
    exif[Base.Artist] = "somebody"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    options: dict[str, Any] = {"exif": exif, "icc_profile": SRGB}
    if kind == "PNG":
        return options
    return options | {"xmp": b"<x:xmpmeta>somebody</x:xmpmeta>"} | ({"comment": "somebody"} if kind == "JPEG" else {})


def _profile_of_swapped_primaries() -> bytes:
    """sRGB's profile with the columns of red and blue exchanged."""
    profile = bytearray(SRGB)
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


def _made(file: bytes, kind: str) -> Image.Image:
    return _opened(developed(file, TYPES[kind]).renditions[1280])


def _opened(file: bytes) -> Image.Image:
    image = Image.open(BytesIO(file))
    image.load()
    return image


def _difference(image: Image.Image, other: Image.Image) -> float:
    """By how much a pixel's channels differ on average."""
    left, right = image.convert("RGB").tobytes(), other.convert("RGB").tobytes()
    assert len(left) == len(right)
    return sum(abs(one - two) for one, two in zip(left, right, strict=True)) / len(left)


def _corner(image: Image.Image, name: str) -> tuple[bool, bool]:
    """Whether there is much red and much green in a corner (`"tl"`)."""
    x, y = (image.width - 2 if name[1] == "r" else 1), (image.height - 2 if name[0] == "b" else 1)
    red, green, _ = image.convert("RGB").getpixel((x, y))
    return red > 128, green > 128


def _never(*_: Any) -> Any:
    raise AssertionError("it was decoded")
