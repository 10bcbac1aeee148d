"""What cleaning promises: readable text, a language, and an account of every article that went."""

from __future__ import annotations

import gzip
import json
import socket
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from toolkit import schema
from toolkit.clean import clean_articles, detect_language, normalise
from toolkit.settings import CleanSettings

CORPORA = Path("../shared/data")
needs_corpora = pytest.mark.skipif(not CORPORA.exists(), reason="the real corpora are not here")

FRAGMENTS = st.sampled_from(
    "<p> </p> <b <br/> > & amp; &lt; &amp;lt; &#60; &nbsp; [ ] ( ) [[a|b]] {{ }} ** __ ` '' == # http:// www. t.me/ x"
    " ” “ â€™ Ð\x9a РљР° \r\n \r \n \x00 \u200b \ufeff e\u0301 и\u0306 қ ə аbс сору @ab . ! Read more <script"
    " </script <!-- --> a-".split(" ")
)
MESSY = st.lists(st.one_of(FRAGMENTS, st.text(max_size=4), st.just(" "), st.just("\n")), max_size=25).map("".join)


def table(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Build an article table; what a row leaves out is empty, and its number keeps its id unique."""
    full = [{"source": "s", "url": "", "title": "", "text": "", "language": "", "published": "", **row} for row in rows]
    made = pd.DataFrame(full, columns=["source", "url", "title", "text", "language", "published", "note"])
    made["article_id"] = [
        schema.article_id(str(row["source"]), str(at), "", str(row["title"]), str(row["text"]))
        for at, row in enumerate(full)
    ]
    made["published"] = pd.to_datetime(made["published"], utc=True)
    return schema.check_articles(made)


def cleaned(*texts: str, source: str = "s") -> list[str]:
    kept = clean_articles(table([{"text": text, "source": source} for text in texts]), CleanSettings(min_words=0)).kept
    return kept["text"].tolist()


# --- normalise -----------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(MESSY)
@example("&amp;amp;amp;lt;b&gt;x")
@example("<b<b<b<b<b<b<b<b<b<b<b<b>>>>>>>>>>>>")
@example("half a pair \ud83d")
@example("one\ntwo three\nfour five\nsix")
def test_normalising_twice_is_normalising_once(text):
    once = normalise(text)
    assert normalise(once) == once
    once.encode("utf-8")


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("Cafe\u0301 \u0418\u0306", "Café Й"),
        ("it’s “fine”, «қала» — да", 'it\'s "fine", «қала» — да'),
        ("a\u200bb\u202ec\ufeffd\x07e\xadf", "abcdef"),
        ("a\xa0 \t b", "a b"),
        ("one\r\n\r\n\n two\rthree", "one\ntwo\nthree"),
        ("AT&amp;T &lt; R&D &quot;x&quot; &#1179;", 'AT&T < R&D "x" қ'),
        ("<p>One <b>bold</b></p><p class='x'>two<br/>three</p>", "One bold\ntwo\nthree"),
        ("a<script>var x = 1;</script>b<!-- no -->c<STYLE>p{}</STYLE>d", "abcd"),
        ("General Electric <GE> and <I> rose", "General Electric <GE> and <I> rose"),
        ("[[Astana|the capital]] of [[Kazakhstan]]{{ref}} [[File:x.jpg|thumb|y]]", "the capital of Kazakhstan"),
        ("== Heading ==\n'''Bold''' text", 'Heading\n"Bold" text'),
        ("**Жирный** __текст__ и [ссылка](https://t.me/+x_Y)", "Жирный текст и ссылка"),
        ("See https://example.org/a_(b)?q=1, and (www.example.org/x).", "See, and."),
        ("at t.me/channel/12 now", "at now"),
        ("f**k and 2*3", "f**k and 2*3"),
    ],
)
def test_what_is_no_word_goes_and_words_stay(raw, read):
    assert normalise(raw) == read


@pytest.mark.parametrize("text", ["Казахстан подписал соглашение", "Қазақстан Республикасының Президенті", "It’s fine"])
@pytest.mark.parametrize("wrong", ["cp1251", "latin-1"])
def test_mojibake_is_repaired_in_three_languages(text, wrong):
    assert normalise(text.encode("utf-8").decode(wrong)) == normalise(text)


@pytest.mark.parametrize(
    "text",
    [
        "Қазақстан, Өзбекстан және Қырғызстан: әңгіме, ұйғарым, үкімет, һәм, іс",
        "Съёмка объявлена; ещё не всё — «Ёж»… № 5",
        "Київ і Мінск, Ўзбекистон, ҡала, Тоҷикистон",
        "COVID в Алматы, iPhone и НАТО; СО и CO",
    ],
)
def test_clean_cyrillic_text_is_left_as_it_is(text):
    assert normalise(text) == text


@pytest.mark.parametrize(
    ("mixed", "one"),
    [
        ("Mocквa", "Москва"),
        ("қaлa", "қала"),
        ("тiлi", "тілі"),
        ("əлем", "əлем".replace("ə", "ә")),
        ("tеrrоrism", "terrorism"),
    ],
)
def test_words_of_two_alphabets_are_written_in_one(mixed, one):
    assert normalise(mixed) == one


def test_a_word_that_really_has_two_alphabets_stays():
    assert normalise("IT-компания Zoomдағы GPSті") == "IT-компания Zoomдағы GPSті"


def test_hard_wrapped_lines_become_paragraphs():
    wrapped = (
        "The ministers of five states met in the capital on Monday to\n"
        "sign an agreement on the transit of goods along the middle\n"
        "corridor, which had been in preparation for years.\n"
        "They said that customs posts would be open day and night\n"
        "from the first of June, and tariffs the same for all.\n"
        "Short end.\n"
        "A new paragraph begins here and is wrapped as well, since all\n"
        "of them were."
    )
    lines = normalise(wrapped).split("\n")
    assert lines[0].startswith("The ministers") and lines[0].endswith("preparation for years.")
    assert lines[-1] == "A new paragraph begins here and is wrapped as well, since all of them were."
    assert " ".join(lines) == wrapped.replace("\n", " ")


def test_lines_that_are_not_wrapped_stay_lines():
    listed = "Первое: рост экономики\nВторое: инфляция\nТретье: торговля\n- четвёртое\n- пятое"
    assert normalise(listed) == listed


def test_a_page_break_does_not_end_a_paragraph():
    page = " \n \n29 06-53317 \n \n"
    paged = f"the vessels that are on their way to the coast{page}where they will stay for the\nwhole winter."
    assert normalise(paged) == (
        "the vessels that are on their way to the coast where they will stay for the whole winter."
    )


@pytest.mark.parametrize(
    "hostile",
    [
        "&" + "amp;" * 50_000,
        "<b" * 50_000 + ">" * 50_000,
        "[" * 50_000,
        "[a](http:" * 20_000,
        "https://" * 20_000,
        "<script" * 20_000,
        "{{" * 20_000 + "}}" * 20_000,
        "aа" * 20_000,
        "'" * 50_000,
        "@a" * 50_000,
        '!"' * 50_000,
    ],
)
def test_hostile_text_does_not_take_long(hostile):
    start = time.perf_counter()
    normalise(hostile)
    cleaned(hostile)
    assert time.perf_counter() - start < 3


# --- rows ----------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(MESSY, MESSY, st.sampled_from(["", "en", "ru"])), max_size=8),
    st.integers(0, 5),
    st.sampled_from([(), ("en",), ("ru", "kk")]),
)
def test_every_row_is_kept_or_dropped_and_the_input_is_unchanged(rows, min_words, languages):
    made = table([{"title": title, "text": text, "language": language} for title, text, language in rows])
    before = made.copy(deep=True)
    kept, dropped = clean_articles(made, CleanSettings(min_words=min_words, languages=languages))
    assert_frame_equal(made, before)
    assert sorted([*kept["article_id"], *dropped["article_id"]]) == sorted(made["article_id"])
    assert (dropped["reason"] != "").all()
    as_given = made[made["article_id"].isin(dropped["article_id"])].reset_index(drop=True)
    assert_frame_equal(dropped.drop(columns="reason"), as_given)


def test_dropped_articles_say_why_and_keep_what_came_with_them():
    rows = [
        {"text": "Inflation in Kazakhstan slowed to eight per cent in May."},
        {"text": "<p>\u200b</p>", "note": "empty"},
        {"text": "Oil up"},
        {"text": "Инфляция в Казахстане замедлилась до восьми процентов."},
    ]
    kept, dropped = clean_articles(table(rows), CleanSettings(languages=("en", "kk")))
    assert kept.index.tolist() == [0]
    assert dropped["reason"].tolist() == ["no text", "fewer than 4 words", "language ru not asked for"]
    assert dropped.loc[0, "text"] == "<p>\u200b</p>" and dropped.loc[0, "note"] == "empty"


def test_a_title_alone_is_an_article_and_is_one_line():
    kept, _ = clean_articles(table([{"title": "Ministers sign\nthe transit agreement"}]))
    assert kept["title"].tolist() == ["Ministers sign the transit agreement"]


def test_an_empty_table_is_cleaned_to_an_empty_table():
    kept, dropped = clean_articles(table([]))
    assert len(kept) == len(dropped) == 0
    assert {"boilerplate_chars", "language"} <= set(kept.columns) and "reason" in dropped.columns


# --- boilerplate ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "Read more: Ministers meet again",
        "Advertisement",
        "Image copyright Getty Images",
        "Follow us on Facebook, X",
        "Share this with Facebook",
        "❤ [Подписаться](https://t.me/x) | [Прислать новость](https://t.me/y)",
        "[👉 Канал Live. Подписаться](https://t.me/+Zz)",
        "@channel",
        "Читайте также: что решили министры",
        "Толығырақ:",
    ],
)
def test_known_formulas_are_cut_and_counted(line):
    text = "The ministers met in Astana on Monday.\n"
    kept, _ = clean_articles(table([{"text": text + line}]))
    assert kept["text"].tolist() == [text.strip()]
    assert kept["boilerplate_chars"].tolist() == [len(normalise(text + line)) - len(text.strip())]


@pytest.mark.parametrize(
    "text", ["He wants us to read more books.", "They follow us on foot.", "Investors may subscribe."]
)
def test_a_sentence_with_the_words_of_a_formula_stays(text):
    assert cleaned("The ministers met.\n" + text) == ["The ministers met.\n" + text]


def numbered(count: int, footer: str = "", header: str = "") -> list[str]:
    names = [f"{'abcdefghij'[at // 10]}{'klmnopqrst'[at % 10]}" for at in range(count)]
    return [
        f"{header}The town of {name}ville built {name} bridges. Its mayor {name} was glad.{footer}" for name in names
    ]


def test_what_a_source_repeats_in_article_after_article_is_cut():
    footer = " You can write to our newsroom in the old harbour at any time."
    header = "Our news. "
    assert cleaned(*numbered(40, footer, header)) == numbered(40)


def test_a_sentence_that_few_articles_share_stays():
    footer = " You can write to our newsroom in the old harbour at any time."
    texts = numbered(9, footer) + numbered(60)[9:]
    assert cleaned(*texts) == texts


def test_a_paragraph_repeated_in_versions_of_one_article_stays():
    wire = "Fire broke out in the old market. Nobody was hurt, the ministry of emergencies said in a statement."
    texts = [f"{wire} Update {'x' * at}." for at in range(1, 30)] + numbered(40)
    assert cleaned(*texts) == texts


def test_another_source_may_say_what_is_boilerplate_elsewhere():
    footer = " You can write to our newsroom in the old harbour at any time."
    rows = [{"text": text, "source": "one"} for text in numbered(40, footer)]
    kept, _ = clean_articles(table([*rows, {"text": numbered(1, footer)[0], "source": "two"}]))
    assert kept["text"].iloc[-1].endswith("at any time.") and not kept["text"].iloc[0].endswith("at any time.")


def test_datelines_are_not_boilerplate():
    texts = [f"ASTANA, May 3. {text}" for text in numbered(40)]
    assert cleaned(*texts) == texts


# --- language ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "Tokayev meets the president of Uzbekistan"),
        ("ru", "Токаев встретился с президентом Узбекистана"),
        ("kk", "Тоқаев Өзбекстан президентімен кездесті"),
        ("kk", "Үкімет отырысы өтті"),
        ("uk", "Кабінет міністрів затвердив новий бюджет на рік"),
        ("be", "Улады краіны абвясцілі новыя санкцыі супраць банкаў"),
        ("tt", "Татарстан Рәисе бүген Казанда яңа мәктәп ачты"),
        ("ky", "Кыргызстандын президенти өкмөттүн жаңы курамын бекитти"),
        ("tg", "Президенти Тоҷикистон бо ҳамтои худ мулоқот кард"),
        ("und", "12 345 😀"),
        ("und", ""),
    ],
)
def test_a_short_headline_s_language_is_told(code, text):
    assert detect_language(text) == code


def test_the_language_is_not_read_from_the_first_words_alone():
    names = "The Financial Times, the Wall Street Journal and the Washington Post of the United States: "
    said = "рост экономики замедлился, а инфляция осталась прежней, сообщили в министерстве финансов республики. "
    assert len(names) > 80 and detect_language(names + said * 3) == "ru"


@pytest.mark.parametrize(
    ("given_code", "text", "settled"),
    [
        ("EN", "Tokayev meets the president", "en"),
        ("ru-RU", "Токаев встретился с президентом", "ru"),
        ("kaz", "Инфляция баяулады биыл", "kk"),
        ("de", "Oil up today again", "de"),
        ("en", "Токаев встретился с президентом Узбекистана", "ru"),
        ("ru", "Тоқаев Өзбекстан президентімен кездесті", "kk"),
        ("ru", "Tokayev meets the president of Uzbekistan", "en"),
        ("??", "Tokayev meets the president of Uzbekistan", "en"),
    ],
)
def test_the_file_s_language_is_kept_where_the_letters_allow_it(given_code, text, settled):
    kept, _ = clean_articles(table([{"text": text, "language": given_code}]), CleanSettings(min_words=0))
    assert kept["language"].tolist() == [settled]


def test_the_language_is_told_without_the_network(monkeypatch):
    def refuse(*_args, **_keywords):
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert detect_language("Long text over several lines.\nThe second line is here.\n" * 200) == "en"


# --- the real corpora ----------------------------------------------------------------------------------------


@needs_corpora
@pytest.mark.corpora
@pytest.mark.parametrize(("folder", "code"), [("eng_Latn", "en"), ("rus_Cyrl", "ru"), ("kaz_Cyrl", "kk")])
def test_three_languages_are_told_apart_in_real_sentences(folder, code):
    lines = (CORPORA / "sib200" / folder / "train.tsv").read_text("utf-8").splitlines()[1:]
    texts = [line.split("\t")[2] for line in lines]
    assert sum(detect_language(text) == code for text in texts) / len(texts) > 0.99
    assert sum(detect_language(text[:50]) == code for text in texts) / len(texts) > 0.97


@needs_corpora
@pytest.mark.corpora
def test_real_posts_lose_their_footers_and_stay_as_they_are_when_read_again():
    with gzip.open(CORPORA / "telegram_ru_posts.jsonl.gz", "rt", encoding="utf-8") as file:
        posts = [json.loads(line) for line, _ in zip(file, range(2_500), strict=False)]
    made = table([{"text": post["text"], "source": post["channel"]} for post in posts])
    kept, dropped = clean_articles(made)
    text = kept["text"]
    assert len(kept) + len(dropped) == len(made) and len(kept) > 0.98 * len(made)
    assert not text.str.contains(r"https?://|\]\(").any()
    assert text.str.contains("Подписаться").mean() < 0.01
    assert text.map(normalise).equals(text)
    assert (kept["language"] == "ru").mean() > 0.99
