"""The page: what is written, and what a real browser makes of it."""

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from transferz.baselines.leaderboard import figures
from transferz.baselines.leaderboard.board import read_board
from transferz.baselines.leaderboard.overall import overall
from transferz.baselines.leaderboard.page import page
from transferz.baselines.leaderboard.words import secure_link
from transferz.cli.leaderboard import leaderboard, task_boards
from transferz.releases import find_release
from transferz.schemas.benchmark.entries import Entry, entry_text, read_entry
from transferz.schemas.errors import InputError

VISIBLE = ".panel:not([hidden])"
ATTACK = "</script><script>window.hacked=1</script><img src=x onerror='window.hacked=1'>\"'>"


@pytest.fixture(scope="module")
def text(board):
    return page(board)


@pytest.fixture(scope="module")
def tasks(board):
    """Boards of two tasks: the one without the best method, the other with one test set alone."""
    fewer = tuple(row for row in board.rows if row.key != "sharp")
    alone = tuple(
        replace(row, entry=row.entry.model_copy(update={"scores": scores}))
        for row in board.rows
        if (scores := {"galaxiesml": row.entry.scores["galaxiesml"]})
    )
    return {
        "faint": ("Forecast <faint> ones", replace(board, rows=fewer, _marks={})),
        "few_labels": ("Learn from few", replace(board, rows=alone, _marks={})),
    }


@pytest.fixture(scope="module")
def tabbed_text(board, tasks):
    return page(board, tasks)


@pytest.fixture(params=["text", "tabbed_text"])
def either(request):
    """A page without tabs, and one with."""
    return request.getfixturevalue(request.param)


class Seen(HTMLParser):
    """Tags, links and attributes of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]


def test_it_names_every_method_and_says_that_it_is_a_mock(text, board):
    assert all(row.entry.method.name in text for row in board.rows)
    assert "<title>MOCK: " in text
    assert "These galaxies are simulated" in text
    assert "How to read this" in text
    assert "Holm" in text
    assert "6 pairs" in text


def test_it_needs_nothing_else(either):
    seen = Seen(either)
    loading = {"link", "img", "iframe", "object", "embed", "base", "video", "audio"}
    assert not loading & set(seen.tags)
    assert not [found for found in seen.attributes if found[1] in ("src", "srcset", "background")]
    assert not re.search(r"@import|url\(", either)
    policy = next(value for _, name, value in seen.attributes if "default-src" in value)
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy


def test_it_repeats(board, tasks, text, tabbed_text):
    assert page(board) == text
    assert page(board, tasks) == tabbed_text


def test_every_tag_is_closed(either):
    void = {"meta", "input", "br", "rect", "line", "circle", "path", "polyline"}

    class Nested(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in void:
                opened.append(tag)

        def handle_endtag(self, tag):
            if tag not in void:
                assert opened.pop() == tag, self.getpos()

    opened = []
    Nested().feed(either)
    assert opened == []


def test_identifiers_are_unique_and_links_lead_to_them(either):
    attributes = Seen(either).attributes
    found = [value for _, name, value in attributes if name == "id"]
    assert len(found) == len(set(found))
    links = {value[1:] for _, name, value in attributes if name == "href" and value[0] == "#"}
    assert links and links <= set(found)


def test_tabs_are_there_only_with_tasks(text, tabbed_text):
    assert 'name="board"' not in text
    assert "Forecast &lt;faint&gt; ones" in tabbed_text
    assert "<faint>" not in tabbed_text


def test_without_a_script_all_boards_are_there_each_under_a_heading_of_its_own(tabbed_text):
    titles = re.findall(r"<h2>(.*?)</h2>", tabbed_text, re.DOTALL)
    assert len(titles) == len(set(titles))
    said = " ".join(titles)
    assert said.count("faint: TransferZ, ") == 3
    assert said.count("few labels: GalaxiesML, ") == 3
    assert said.count("Overall, ") == 3
    hidden = re.findall(r"<(\w+) [^>]*\bhidden>", tabbed_text)
    assert hidden == ["button", "form", "section"]  # theme, choices, pairs: what scripts do


@pytest.fixture
def attacked(runs, tmp_path, hashed_release):
    """A board on which an entry has a script in every text that it may have."""
    return attack(runs, tmp_path / "runs", hashed_release, ATTACK)


def attack(runs, folder, release, text):
    shutil.copytree(runs, folder)
    path = folder / "sharp" / "entry.yaml"
    content = read_entry(path).model_dump(mode="json", by_alias=True)
    for name in ("name", "class", "version", "description", "citation"):
        content["method"][name] = f"{name} {text}"
    content["method"]["code"] = "http://example.org/insecure"
    for name in ("device", "command", "transferz"):
        content[name] = f"{name} {text}"
    content["bands"] = [text]
    content["hardware"] = {text: text}
    content["packages"] = {text: text}
    content["forecasts"]["file"] = "file <script>window.hacked=1<script>"
    path.write_text(entry_text(Entry.model_validate(content, strict=False)))
    return read_board(folder, find_release(release))


ATTACKS = (
    "<script>hacked()</script>",
    "</script><svg/onload=hacked()>",
    "<img src=x onerror=hacked()>",
    "' onmouseover='hacked()",
    '" autofocus onfocus="hacked()',
    "`${hacked()}`",
    "<!-- --><iframe srcdoc='<script>hacked()</script>'>",
    "]]><script>hacked()</script>",
    "</style><script>hacked()</script>",
    "</title><body onload=hacked()>",
    "javascript:hacked()",
    "&lt;script&gt;hacked()&lt;/script&gt;",
    "<a href='data:text/html,<script>hacked()</script>'>x</a>",
    "\\u003cscript>hacked()</script>",
    "{{ hacked() }}{% include hacked %}",
    "<math><mtext><style><img src=x onerror=hacked()>",
    "</textarea><script/x>hacked()</script>",
    "<base href=https://hacked.example>",
    "<meta http-equiv=refresh content='0;url=https://hacked.example'>",
    "<form action=https://hacked.example><button>",
)


def test_no_text_becomes_a_tag_or_a_handler(runs, tmp_path, hashed_release, tabbed_text):
    sound = Seen(tabbed_text)
    for number, written in enumerate(ATTACKS):
        attacked = attack(runs, tmp_path / str(number), hashed_release, written)
        found = page(attacked, {"faint": (written, attacked)})
        seen = Seen(found)
        assert "hacked" in found
        assert set(seen.tags) <= set(sound.tags), written
        assert seen.tags.count("script") == sound.tags.count("script")
        assert not [name for _, name, _ in seen.attributes if name.startswith("on")], written


def test_texts_of_an_entry_are_only_text(attacked, text):
    found = page(attacked)
    assert "hacked" in found
    assert "<script>window" not in found
    assert "<img" not in found
    scripts = Seen(found).tags.count("script")
    assert scripts == Seen(text).tags.count("script") == 2
    links = [value for tag, name, value in Seen(found).attributes if name == "href"]
    assert all(link.startswith(("#entry-", "https://")) for link in links)
    assert "http://example.org/insecure" in found  # as text


@pytest.mark.parametrize(
    ("address", "secure"),
    [
        ("https://example.org/x", True),
        ("http://example.org/x", False),
        ("javascript:alert(1)", False),
        (" https://example.org", False),
        (None, False),
    ],
)
def test_only_secure_addresses_are_links(address, secure):
    assert (secure_link(address) is not None) == secure


def test_the_command_writes_it_whole_or_not(runs, hashed_release, tmp_path, text, capsys):
    where = ["--entries", str(runs), "--release", str(hashed_release), "--html"]
    assert leaderboard([*where, str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "page.html").read_text() == text
    with pytest.raises(InputError, match="cannot write"):
        leaderboard([*where, str(tmp_path / "nowhere" / "page.html")])


def test_the_command_gives_a_tab_to_each_task_whose_board_lies_beside(
    runs, hashed_release, tmp_path
):
    for name in ("one", "one_faint", "one_other", "one_region"):
        (tmp_path / name).mkdir()
    for name in ("one", "one_faint", "one_other"):
        for entry in runs.glob("*/entry.yaml"):
            shutil.copyfile(entry, tmp_path / name / f"{entry.parent.name}.yaml")
        shutil.copyfile(runs / "comparisons.json", tmp_path / name / "comparisons.json")
    out = tmp_path / "page.html"
    where = ["--entries", str(tmp_path / "one"), "--release", str(hashed_release)]
    assert leaderboard([*where, "--html", str(out)]) == 0
    tabs = re.findall(r'name="board" value="(\w+)"', out.read_text())
    assert tabs == ["own", "faint", "overall"]


@pytest.fixture(scope="module")
def address(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser, address):
    """The page, opened in a window of a desk, with nothing complained of yet."""
    browser.complaints.clear()
    browser.requests.clear()
    browser.view(1400, 900)
    browser.open(address)
    return browser


def methods(browser):
    rows = f"document.querySelectorAll('{VISIBLE} table.board tbody tr')"
    return browser.run(f"[...{rows}].map((row) => row.dataset.method)")


def order(board, metric, config="transferz", part="cosmological"):
    return [row.key for row in board.ordered(config, part, metric)]


def test_it_opens_without_complaint_and_asks_for_nothing(opened, address, board):
    assert methods(opened) == order(board, "scatter")
    assert opened.run(f"document.querySelectorAll('{VISIBLE}[data-range]').length") == 1
    assert opened.complaints == []
    assert [one for one in opened.requests if not one.startswith("about:")] == [address]


def test_a_click_sorts(opened, board):
    opened.click(f"{VISIBLE} th[data-key=bias] button")
    assert methods(opened) == order(board, "bias")
    head = f"document.querySelector('{VISIBLE} th[data-key=bias]').getAttribute('aria-sort')"
    assert opened.run(head) == "ascending"
    opened.click(f"{VISIBLE} th[data-key=bias] button")
    assert methods(opened) == order(board, "bias")[::-1]
    assert opened.run(head) == "descending"
    assert opened.run("location.hash").endswith("sort=bias&order=descending")
    assert opened.complaints == []


def test_a_row_without_the_number_stays_last_either_way(opened):
    for _ in range(2):
        opened.click(f"{VISIBLE} th[data-key=crps] button")
        assert methods(opened)[-1] == "point_only"


def test_keys_sort_too(opened, board):
    opened.run(f"document.querySelector('{VISIBLE} th[data-key=rmse] button').focus()")
    opened.press("Enter", 13)
    assert methods(opened) == order(board, "rmse")


def test_an_address_opens_it_as_it_was(browser, opened, address, board):
    browser.open(f"{address}#config=galaxiesml&range=all&sort=bias&theme=dark")
    assert methods(browser) == order(board, "bias", "galaxiesml", "all")
    assert browser.run("document.documentElement.dataset.theme") == "dark"
    title = browser.run(f"document.querySelector('{VISIBLE} h2').textContent")
    assert title.startswith("GalaxiesML, all redshifts")
    browser.open(f"{address}#config=nothing&sort='%22]&theme=pink&range=%00")
    assert methods(browser) == order(board, "scatter")
    assert browser.complaints == []


def test_test_set_and_range_are_switched(opened, board):
    opened.click("input[name=config][value=galaxiesml]")
    opened.click("input[name=range][value=lsst]")
    assert methods(opened) == order(board, "scatter", "galaxiesml", "lsst")


def test_pairs_are_said(opened, board):
    cells = "[...document.querySelectorAll('.pairs tbody tr')].map((row) => [...row.cells].map("
    assert len(opened.run(f"{cells}(cell) => cell.textContent))")) == len(board.rows)
    best = opened.run("document.querySelector('.pairs td.better').title")
    assert " is better than " in best
    assert ": difference −0.0" in best
    assert "(corrected)" in best


@pytest.fixture(scope="module")
def tabbed_address(tmp_path_factory, tabbed_text):
    path = tmp_path_factory.mktemp("tabs") / "page.html"
    path.write_text(tabbed_text, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def tabbed(opened, tabbed_address):
    """The page with tabs, opened."""
    opened.open(tabbed_address)
    return opened


def title(browser):
    return browser.run(f"document.querySelector('{VISIBLE} h2').textContent")


def test_a_tab_shows_its_board_alone(tabbed, tasks):
    tabbed.click("input[name=board][value=faint]")
    assert methods(tabbed) == order(tasks["faint"][1], "scatter")
    assert title(tabbed).startswith("faint: TransferZ, ")
    assert tabbed.run("location.hash").startswith("#board=faint&")
    entries = tabbed.run(f"document.querySelectorAll('{VISIBLE} .entry').length")
    assert entries == len(tasks["faint"][1].rows)
    pairs = "[...document.querySelectorAll('.pairs tbody th')].map((e) => e.lastChild.data)"
    assert "sharp" not in tabbed.run(pairs)
    assert "point_only" in tabbed.run(pairs)
    tabbed.click(f"{VISIBLE} tbody .name a")
    assert tabbed.run("document.activeElement.closest('details').id").startswith("entry-faint-")
    assert tabbed.complaints == []


def test_keys_step_through_tabs(tabbed):
    assert tabbed.run("document.querySelector('.tabs legend').textContent") == "Task"
    tabbed.run("document.querySelector('input[name=board]:checked').focus()")
    for name in ("faint", "few_labels", "overall"):
        tabbed.press("ArrowRight", 39)
        assert tabbed.run("document.activeElement.value") == name
        assert f"board={name}" in tabbed.run("location.hash")


def test_what_a_board_lacks_is_not_chosen_on_it(browser, opened, tabbed_address):
    browser.open(f"{tabbed_address}#board=few_labels&config=transferz&range=all")
    assert title(browser).startswith("few labels: GalaxiesML, all redshifts")
    assert browser.run("document.querySelector('input[value=transferz]').disabled")
    browser.click("input[name=board][value=own]")
    assert not browser.run("document.querySelector('input[value=transferz]').disabled")
    assert browser.complaints == []


def test_the_last_tab_ranks_over_all_boards(tabbed, board, tasks):
    tabbed.click("input[name=board][value=overall]")
    boards = {"own": board} | {name: one for name, (_, one) in tasks.items()}
    for metric in ("scatter", "rmse"):
        tabbed.click(f"{VISIBLE} th[data-key={metric}] button")
        ranked = [one for one in overall(boards, metric, "cosmological") if one.ranked]
        assert "sharp" not in {one.key for one in ranked}  # not on every board
        if metric == "scatter":  # that is what it is sorted by already: the other way round
            ranked = ranked[::-1]
        assert methods(tabbed) == [one.key for one in ranked]
    shown = tabbed.run(f"document.querySelector('{VISIBLE}').textContent")
    assert "they are not on every board: sharp." in shown
    assert f"{100 * ranked[0].share:.1f}" in shown
    assert f"{100 * ranked[0].low:.1f} to {100 * ranked[0].high:.1f}" in shown
    choices = "[...document.querySelectorAll('#controls fieldset')].filter((e) => e.offsetParent)"
    said = tabbed.run(f"{choices}.map((e) => e.querySelector('legend').textContent)")
    assert said == ["Task", "Galaxies"]
    dots = tabbed.run(f"document.querySelectorAll('{VISIBLE} .dot').length")
    assert dots == len(ranked)
    assert tabbed.complaints == []


def luminance(png):
    import io

    from PIL import Image

    return sum(Image.open(io.BytesIO(png)).convert("L").resize((8, 8)).tobytes()) / 64


def test_it_is_light_or_dark_as_the_system_is_until_one_chooses(opened):
    light = luminance(opened.picture())
    opened.view(1400, 900, dark=True)
    dark = luminance(opened.picture())
    assert light > 200
    assert dark < 60
    opened.click("#theme")
    assert luminance(opened.picture()) > 200
    assert opened.run("document.getElementById('theme').textContent") == "Dark"


LAPTOP = 1280


def cut_off(browser):
    """What is wider than its place: tables that are to be scrolled, or the page."""
    visible = "[...document.querySelectorAll('.scroll')].filter((e) => e.offsetParent)"
    return browser.run(
        f"[document.documentElement, ...{visible}].filter((e) => e.scrollWidth > e.clientWidth)"
        ".map((e) => [e.innerText.slice(0, 40), e.scrollWidth, e.clientWidth])"
    )


@pytest.fixture(scope="module")
def committed(tmp_path_factory, hashed_release):
    """The page of the project's own entries on the mock: many methods, long names, all columns."""
    folder = Path(__file__).parents[3] / "baselines/leaderboard/entries/mock"
    path = tmp_path_factory.mktemp("committed") / "page.html"
    text = page(read_board(folder, None), task_boards(folder))
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


def test_a_laptop_shows_all_columns(opened, committed):
    opened.view(LAPTOP, 900)
    for shown in ("config=transferz", "config=galaxiesml&range=lsst", "spread=shown"):
        opened.open(f"{committed}#{shown}")
        assert len(methods(opened)) > 10
        assert cut_off(opened) == []
    for shown in ("board=faint", "board=zero_points&spread=shown", "board=overall"):
        opened.open(f"{committed}#{shown}")
        assert len(methods(opened)) > 3
        assert cut_off(opened) == []
    narrow = opened.view(700, 900)
    assert narrow is None and len(cut_off(opened)) > 0  # the measure finds what is cut


def test_spreads_are_shown_when_asked_for(opened):
    spread = f"document.querySelector('{VISIBLE} td .spread').offsetParent !== null"
    assert not opened.run(spread)
    opened.click("input[name=spread]")
    assert opened.run(spread)
    assert "spread=shown" in opened.run("location.hash")


def test_nothing_leaves_a_chart(opened, committed):
    """Names begin, points and arrows lie within; a line beyond has an arrow at the edge."""
    opened.open(f"{committed}#config=galaxiesml")
    outside = opened.run(
        f"[...document.querySelectorAll('{VISIBLE} figure > svg')].flatMap((svg) => {{"
        "const room = svg.getBoundingClientRect(); return [...svg.querySelectorAll("
        "'text, circle, path, .error, .spread')].filter((e) => { const r = "
        "e.getBoundingClientRect(); return r.left < room.left - 1 || r.right > room.right + 1 || "
        "r.top < room.top - 1 || r.bottom > room.bottom + 1; })"
        ".map((e) => e.outerHTML.slice(0, 120)); })"
    )
    assert outside == []
    assert opened.run(f"document.querySelectorAll('{VISIBLE} path.point').length") > 0


def test_a_phone_scrolls_the_table_not_the_page(opened):
    opened.view(390, 844, phone=True)
    assert opened.run("document.documentElement.scrollWidth") <= 390
    table = f"document.querySelector('{VISIBLE} .scroll')"
    assert opened.run(f"{table}.scrollWidth > {table}.clientWidth")
    opened.run(f"{table}.scrollLeft = 200")
    left = f"document.querySelector('{VISIBLE} tbody .name').getBoundingClientRect().left"
    assert opened.run(f"{left} - {table}.getBoundingClientRect().left") < 3  # the column stays


def test_no_script_of_an_entry_runs(browser, attacked, tmp_path):
    path = Path(tmp_path / "page.html")
    path.write_text(page(attacked), encoding="utf-8")
    browser.complaints.clear()
    browser.open(path.as_uri())
    assert browser.run("typeof window.hacked") == "undefined"
    assert browser.run("document.images.length") == 0
    assert browser.run(f"document.querySelectorAll('{VISIBLE} tbody tr').length") == 4
    assert browser.complaints == []


def test_a_script_put_into_the_page_does_not_run(browser, text, tmp_path):
    """Were something left unescaped, the page's policy would still stop it."""
    path = tmp_path / "page.html"
    path.write_text(text.replace("</main>", "<script>window.hacked=1</script></main>"))
    browser.open(path.as_uri())
    assert browser.run("typeof window.hacked") == "undefined"
    assert browser.complaints != []


@pytest.mark.parametrize(
    ("learned", "expected"),
    [
        ("transferz", "label"),
        ("galaxiesml", "spectroscopic"),
        ("combo", "union"),
        ("transferz+galaxiesml", "union"),
        ("elsewhere", "other"),
    ],
)
def test_a_method_has_the_colour_of_what_it_learned_from(board, learned, expected):
    row = board.rows[0]
    tested = {name: row.entry.scores[name] for name in ("galaxiesml", "transferz")}
    training = row.entry.training.model_copy(update={"set": learned})
    content = row.entry.data.content | {"combo": {}}
    data = row.entry.data.model_copy(update={"content": content})
    changed = {"training": training, "scores": tested, "data": data}
    entry = row.entry.model_copy(update=changed)
    assert figures.colour_class(replace(row, entry=entry)) == expected
