"""Colours can be read in both themes, and the style sheet declares every one of them."""

from dataclasses import fields

import pytest

from mosa_edu.viz import style


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [style.LIGHT, style.DARK])
def test_colours_can_be_read(palette):
    for text in (palette.ink, palette.ink2, palette.cursor_text, palette.pick, palette.ok):
        assert contrast(text, palette.ground) >= 4.5
    assert contrast(palette.ink2, palette.wash) >= 4.5
    assert contrast(palette.pick_ink, palette.pick) >= 4.5
    for mark in (palette.pick, palette.cursor, palette.quiet):
        assert contrast(mark, palette.ground) >= 3


def test_style_sheet_declares_every_colour_in_both_themes():
    text = style.css_variables()
    for field in fields(style.Palette):
        assert text.count(f"--mosa-{field.name.replace('_', '-')}:") == 2
    assert text.count("{") == text.count("}")
    pairs = style.dark_of_light()
    assert pairs[style.LIGHT.ground] == style.DARK.ground
    assert len(set(pairs.values())) == len(pairs)  # so that a page can turn light again
