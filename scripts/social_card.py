"""Draw the picture that other sites show for a link to the book: book/_static/social-card.png."""

from __future__ import annotations

from pathlib import Path

from install_browser import find_browser
from playwright.sync_api import sync_playwright

from mosa_edu.viz.style import DARK, SANS

TARGET = Path(__file__).resolve().parent.parent / "book" / "_static" / "social-card.png"
WIDTH, HEIGHT = 1200, 630
TOKENS = 16
KEPT = (0, 3, 4, 7, 11, 14)
CELL = 26


def mask() -> str:
    """Return the pairs that one head may attend to, as SVG: all of the triangle, and its own."""
    squares = []
    for query in range(TOKENS):
        for key in range(query + 1):
            kept = query in KEPT and key in KEPT
            squares.append(
                f'<rect x="{key * CELL}" y="{query * CELL}" width="{CELL - 4}" height="{CELL - 4}" '
                f'rx="3" fill="{DARK.pick if kept else DARK.rule}"/>'
            )
    side = TOKENS * CELL
    return f'<svg width="{side}" height="{side}">{"".join(squares)}</svg>'


def page() -> str:
    """Return the card as a page of its own."""
    return f"""<style>
      body {{ margin: 0; width: {WIDTH}px; height: {HEIGHT}px; background: {DARK.ground};
              color: {DARK.ink}; font-family: {SANS};
              display: flex; align-items: center; gap: 70px; }}
      div {{ margin-left: 80px; width: 530px; }}
      h1 {{ font-size: 66px; line-height: 1.1; margin: 0 0 32px; }}
      p {{ font-size: 31px; line-height: 1.4; margin: 0; color: {DARK.ink2}; }}
    </style>
    <body><div><h1>Mixture of Sparse Attention</h1>
      <p>Each head reads only the tokens it chose. A book to build it, touch it and question it.</p>
    </div>{mask()}</body>"""


def main() -> None:
    """Take the picture with the browser of the tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"]
        )
        view = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        view.set_content(page())
        view.screenshot(path=TARGET)
        browser.close()
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
