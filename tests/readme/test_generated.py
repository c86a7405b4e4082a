"""What the README has from programs is what the programs say today; ``scripts/readme`` makes it anew."""

from __future__ import annotations

from tests.readme import picture, reference


def test_the_reference_is_what_help_prints():
    """Each command of the README is explained in the words of its own --help."""
    text = reference.README.read_text()
    assert reference.with_part(text, "reference", reference.reference()) == text, "run scripts/readme"


def test_the_picture_shows_what_was_printed():
    """The drawn terminal has the words of real output in it, all of them, and fetches nothing."""
    svg = picture.DRAWN.read_text()
    assert picture.words_of(svg) == picture.words_printed(picture.PRINTED.read_text()), "run scripts/readme"
    assert "url(http" not in svg


def test_two_runs_have_one_shape():
    """Numbers and ids differ between two runs; a missing line does not go unnoticed."""
    printed = picture.PRINTED.read_text()
    other = printed.replace("0.9759", "0.98").replace(" * ", "   ").replace("i-", "i-", 1)
    assert picture.shape(other) == picture.shape(printed)
    assert picture.shape(printed.replace("fetching digits-1\n", "")) != picture.shape(printed)
