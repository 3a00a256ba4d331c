"""Protects the questions: no reason before an answer, and nothing of an answer leaves the browser.

A card that opens its reasons at a touch of the keyboard's focus, forgets the answer on the next
visit, puts the right card first for everybody, or runs what an author or a reader typed, fails.
"""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import AXE, settle
from figure_pages import HEAD, PHONE, stored_output

from mosa_edu.viz.assets import WEB, classic_script, module_text, read_module, size_of
from mosa_edu.viz.components.quiz import NumberQuestion, Predict, Question, Quiz, plain_phrase

HOSTILE = "</script><img src=x onerror=window.hurt=1> & `<b>`"
PAIRS = Question(
    "How many pairs do 13 picks have?",
    [
        ("91", True, "13 * 14 / 2, each pick with itself and the earlier ones."),
        ("169", False, "That counts pairs that look ahead."),
        ("5,995", False, "That is the dense triangle."),
        (HOSTILE, False, HOSTILE),
    ],
    key="pairs",
)
SECOND = Question("*k*^{2}?", [("yes", False, "No."), ("no", True, "So it is.")], key="second")
NUMBER = NumberQuestion("Guess 14.13", 14.134, key="root", reason=HOSTILE, digits=2, tolerance=0.2)
CELL = '<div class="cell"><div class="cell_output">{}</div></div>'


@pytest.fixture(scope="module")
def address(explorer_site):
    """Serve a page with a quiz of two questions and two predictions, each before its answer."""
    folder = explorer_site.folder
    (folder / "quiz.js").write_text(classic_script("quiz"))
    cards = (Quiz([PAIRS, SECOND]), Predict(NUMBER), "the output", Predict(PAIRS2), "another")
    cells = "".join(CELL.format(c if isinstance(c, str) else c.element()) for c in cards)
    page = f'{HEAD}<main><h1>Questions</h1>{cells}</main><script src="quiz.js" defer></script>'
    (folder / "quiz.html").write_text(page)
    return f"{explorer_site.address}/quiz.html"


PAIRS2 = Question("Which one?", PAIRS.choices, key="other")


class Page:
    """The questions on an open page."""

    def __init__(self, page):
        self.page = page
        page.wait_for_selector("mosa-quiz .card")

    def card(self, number):
        return self.page.locator("mosa-quiz").nth(number)

    def texts(self, number, selector):
        found = self.card(number).locator(selector).all()
        return [one.inner_text() for one in found if one.is_visible()]

    def choose(self, number, says):
        self.card(number).locator(".question:not(.away) button", has_text=says).first.click()

    def press(self, number, name):
        self.card(number).get_by_role("button", name=name).click()

    def reasons(self, number=0):
        return self.texts(number, ".reason")

    def covered(self):
        return self.page.locator(".mosa-closed").count()


def opened(visit, address, **options):
    return Page(visit(address, **options).page)


def test_nothing_opens_before_an_answer_and_then_choice_and_answer_do(visit, address):
    page = opened(visit, address)
    assert page.reasons() == []
    assert page.texts(0, ".verdict") == []
    for _ in range(12):  # focus alone is no answer
        page.page.keyboard.press("Tab")
    assert page.reasons() == []
    page.choose(0, "169")
    assert sorted(page.texts(0, ".verdict")) == ["✓", "✕"]
    told = " ".join(page.reasons())
    assert "You chose this. That counts pairs that look ahead." in told
    assert "13 * 14 / 2" in told
    assert "dense triangle" not in told
    page.choose(0, "5,995")  # every other card opens on its own reason, the answer stays
    assert "dense triangle" in " ".join(page.reasons())
    assert page.card(0).locator(".chosen").inner_text().startswith("✕\n169")


def test_answers_and_order_are_there_on_the_next_visit_and_can_be_taken_back(visit, address):
    page = opened(visit, address)
    before = page.texts(0, ".choice > button")
    page.choose(0, "91")
    page.card(1).get_by_label("Your guess").fill("12")
    page.page.keyboard.press("Enter")
    page.page.reload()
    page = Page(page.page)
    assert page.texts(0, ".pill") == ["2 of 2"]  # starts with what is not answered
    page.press(0, "Next question")
    after = page.texts(0, ".choice > button")
    assert [text.split("\n")[-1] for text in after] == [text.split("\n")[-1] for text in before]
    assert "You chose this. 13 * 14 / 2" in " ".join(page.reasons())
    assert "2.13 too low" in page.texts(1, ".detail")[0]
    page.press(0, "Try again")
    assert page.reasons() == []
    page.press(1, "Try again")
    page.page.reload()
    assert Page(page.page).covered() == 2


def test_a_guess_opens_the_next_output_and_hears_how_far_off_it_was(visit, address):
    page = opened(visit, address)
    output = page.page.get_by_text("the output", exact=True)
    assert page.covered() == 2
    assert page.card(1).locator(".reason").is_hidden()
    guess = page.card(1).get_by_label("Your guess")
    for no_number in ("", "twelve", "1e999", "--3", "1.2.3", "1,2,3", "Infinity"):
        guess.fill(no_number)
        guess.press("Enter")
        assert page.texts(1, ".detail")[0].startswith("That is no number")
        assert page.covered() == 2
    guess.fill("1,014.13")
    guess.press("Enter")
    assert page.texts(1, ".detail") == ["You guessed 1,014.13, and it is 14.13: 1,000 too high."]
    assert page.covered() == 1
    assert output.is_visible()
    page.press(1, "Try again")
    guess.fill("14,5")  # a decimal comma, the only one on many keypads
    guess.press("Enter")
    said = "You guessed 14,5, and it is 14.13: 0.37 too high"
    assert page.texts(1, ".detail")[0].startswith(said)
    page.press(1, "Try again")
    guess.fill("14")
    page.press(1, "Commit the guess")
    assert page.texts(1, ".detail")[0].endswith("well guessed.")
    assert page.reasons(1) == [f"14.13. {plain_phrase(HOSTILE)}"]


def test_reading_through_opens_the_whole_page_and_is_remembered(visit, address):
    page = opened(visit, address)
    page.press(2, "Read through")
    for number, reasons in ((0, 6), (1, 1), (2, 4)):
        assert len(page.reasons(number)) == reasons
    assert page.covered() == 0
    assert page.texts(0, ".choice.chosen") == []  # nobody answered
    page.page.reload()
    page = Page(page.page)
    assert len(page.reasons(2)) == 4
    other = page.page.context.new_page()
    other.goto(address)
    Page(other).press(0, "Read through")
    page.page.wait_for_function("() => document.querySelectorAll('.mosa-closed').length === 2")
    assert page.reasons(2) == []


def test_works_by_keyboard_alone(visit, address):
    page = opened(visit, address)
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")
    assert page.texts(0, ".chosen .reason")[0].startswith("You chose this.")
    held = "() => document.querySelector('mosa-quiz > div').shadowRoot.activeElement.textContent"
    assert page.page.evaluate(held) in page.card(0).locator(".chosen > button").text_content()
    for _ in range(5):
        page.page.keyboard.press("Tab")
    page.page.keyboard.press("Space")  # next question
    assert page.texts(0, ".pill") == ["2 of 2"]


def test_works_without_storage_and_with_foreign_values_in_it(chromium, address):
    for script in (
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } });",
        "Storage.prototype.setItem = () => { throw new Error('full'); };",
        "for (const i of [0, 1]) localStorage.setItem('mosa-quiz:reader', '<img src=x>');"
        "Storage.prototype.getItem = () => '<img src=x onerror=window.hurt=1>';",
    ):
        context = chromium.new_context()
        context.add_init_script(script)
        own = context.new_page()
        own.goto(address)
        page = Page(own)
        page.choose(0, "169")
        assert len(page.reasons()) == 2
        page.press(0, "Read through")
        assert own.evaluate("window.hurt") is None
        context.close()


def test_hostile_texts_are_shown_and_axe_finds_nothing_in_either_theme(visit, address):
    for scheme in ("light", "dark"):
        page = opened(visit, address, color_scheme=scheme)
        page.page.evaluate("(s) => { document.documentElement.dataset.theme = s; }", scheme)
        page.choose(0, "<img")
        assert HOSTILE.replace("`", "") in " ".join(page.reasons())
        assert page.page.locator("img").count() == 0
        assert page.page.evaluate("window.hurt") is None
        found = Axe().run(settle(page.page), options=AXE).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"][:80]) for v in found] == []


def test_phone_fits_with_large_targets_and_print_shows_everything(visit, address):
    page = opened(visit, address, **PHONE)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 360
    for button in page.page.locator("mosa-quiz button").all():
        assert not button.is_visible() or button.bounding_box()["height"] >= 43.9
    page.page.emulate_media(media="print")
    assert len(page.reasons(0)) == 6
    assert page.texts(0, ".verdict").count("✓") == 2
    assert page.page.get_by_text("the output", exact=True).is_visible()


def test_without_scripts_everything_can_be_read(visit, address):
    page = visit(address, java_script_enabled=False).page
    assert page.get_by_text("How many pairs do 13 picks have?").is_visible()
    page.get_by_text("169", exact=True).first.click()
    assert page.get_by_text("That counts pairs that look ahead.").first.is_visible()
    assert page.get_by_text("the output", exact=True).is_visible()


def test_the_same_text_draws_as_a_widget(visit, address):
    page = visit(address).page
    script = """async ([text, data]) => {
      const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      const { default: quiz } = await import(url);
      const el = document.body.appendChild(document.createElement("div"));
      const dispose = quiz.render({ model: { get: () => data }, el });
      el.shadowRoot.querySelector(".choice > button").click();
      const told = el.shadowRoot.querySelectorAll(".reason").length;
      dispose();
      return [told, el.shadowRoot.querySelector(".chosen .reason").textContent];
    }"""
    widget = Predict(Question("Fresh?", PAIRS.choices, key="fresh"))
    count, told = page.evaluate(script, [module_text("quiz"), widget.data])
    assert count == 4
    assert told.startswith("You chose this. ")


def test_every_place_is_as_likely_for_each_card(visit, address, explorer_site):
    page = visit(address).page
    script = """async (ids) => {
      const m = await import("/web/quiz.js");
      return ids.map((id) => Array.from({ length: 200 }, (_, reader) => {
        localStorage.setItem("mosa-quiz:reader", `r${reader}`);
        return m.ownOrder(id, 4);
      }));
    }"""
    for orders in page.evaluate(script, ["pairs-1", "pairs-2", "ch03-gate-0a1b2c"]):
        assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
        for card in range(4):
            assert 25 <= [order[0] for order in orders].count(card) <= 75
        assert len({tuple(order) for order in orders}) == 24


def test_stored_element_is_the_same_every_time_and_holds_no_markup_of_the_text():
    assert (
        "Quiz('How many pairs" in stored_output(lambda: Quiz([PAIRS, SECOND, NUMBER]))["text/plain"]
    )


def test_component_is_small():
    own = [path for path in WEB.rglob("*.js") if "quiz" in path.relative_to(WEB).as_posix()]
    bodies = [read_module(path.relative_to(WEB).as_posix()).body for path in own]
    assert size_of("".join(sorted(bodies))).gzipped < 4300
