import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curricle.schemas.columns import COLUMNS
from curricle.stages.charset import decode_html, header_codec, meta_codec, python_codec, whatwg_name

SOURCES = COLUMNS["charset_source"].values

LABELS = {
    "iso-8859-1 is windows-1252": ("ISO-8859-1", "cp1252"),
    "us-ascii is windows-1252": ("us-ascii", "cp1252"),
    "gb2312 is gb18030": ("gb2312", "gb18030"),
    "ks_c_5601-1987 is cp949": ("ks_c_5601-1987", "cp949"),
    "euc-kr is cp949": ("euc-kr", "cp949"),
    "shift_jis is cp932": ("Shift_JIS", "cp932"),
    "big5 has Hong Kong's characters": ("big5", "big5hkscs"),
    "iso-8859-9 is windows-1254": ("iso-8859-9", "cp1254"),
    "tis-620 is windows-874": ("tis-620", "cp874"),
    "x-user-defined is windows-1252": ("x-user-defined", "cp1252"),
    "x-mac-cyrillic": ("x-mac-cyrillic", "mac_cyrillic"),
    "underscore for hyphen": ("windows_1251", "cp1251"),
    "quotes and blanks": (' "utf8" ', "utf-8"),
    "unknown": ("klingon", None),
    "a Python codec that is no charset": ("unicode_escape", None),
    "utf-7 is none of the web's": ("utf-7", None),
    "empty": ("", None),
}


@pytest.mark.parametrize(("label", "codec"), LABELS.values(), ids=LABELS)
def test_a_label_means_what_the_web_means_by_it(label, codec):
    assert python_codec(label) == codec


def test_every_codec_of_a_known_label_exists():
    labels = [f"iso-8859-{n}" for n in range(1, 17)] + [f"windows-{n}" for n in (874, *range(1250, 1259))]
    labels += [
        "koi8-r",
        "koi8-u",
        "ibm866",
        "macintosh",
        "euc-jp",
        "iso-2022-jp",
        "iso-2022-kr",
        "hz-gb-2312",
        "uhc",
        "ansi",
        "eucjp",
    ]
    found = {label: python_codec(label) for label in labels}
    assert [label for label, codec in found.items() if codec is None] == ["iso-8859-12"]
    for codec in set(found.values()) - {None}:
        codecs.lookup(codec)


@pytest.mark.parametrize(
    ("header", "codec"),
    [
        ("text/html; charset=utf-8", "utf-8"),
        ("text/html;charset='windows-1251' ; x=y", "cp1251"),
        ("text/html; Charset = GBK", "gb18030"),
        ("text/html", None),
        ("", None),
        (None, None),
        ("charset=", None),
        ("text/html; charset=nonsense", None),
    ],
)
def test_header(header, codec):
    assert header_codec(header) == codec


@pytest.mark.parametrize(
    ("head", "codec"),
    [
        (b"<meta charset=koi8-r>", "koi8-r"),
        (b"<META http-equiv='Content-Type' content='text/html; charset=Big5'>", "big5hkscs"),
        (b"<!-- <meta charset=big5> --><meta charset='gbk'/>", "gb18030"),
        (b"<?xml version='1.0' encoding='iso-8859-2'?><html>", "iso8859-2"),
        (b"<meta charset=utf-16>", "utf-8"),
        (b"<meta name=x>" + b" " * 3000 + b"<meta charset=gbk>", "gb18030"),
        (b" " * 5000 + b"<meta charset=gbk>", None),
        (b"<meta charset=\xff\xfe>", None),
        (b"<metal charset=gbk>", None),
        (b"", None),
    ],
)
def test_meta(head, codec):
    assert meta_codec(head) == codec


RUSSIAN = "<p>Съешь же ещё этих мягких французских булок, да выпей чаю.</p>" * 3
GREEK = "<p>Ταχίστη αλώπηξ βαφής ψημένη γη, δρασκελίζει υπέρ νωθρού κυνός.</p>" * 3
JAPANESE = "<p>いろはにほへと ちりぬるを わかよたれそ つねならむ うゐのおくやま けふこえて</p>" * 3
CHINESE = "<p>天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。寒来暑往，秋收冬藏。</p>" * 3
KOREAN = "<p>다람쥐 헌 쳇바퀴에 타고파. 키스의 고유조건은 입술끼리 만나야 하고</p>" * 3
TURKISH = "<p>Pijamalı hasta yağız şoföre çabucak güvendi. Öğüt veren kişi sustu.</p>" * 3
FRENCH = "<p>Portez ce vieux whisky au juge blond qui fume – l’été, à Noël, où ?</p>" * 3

PAGES = {
    "utf-8 without a label": (RUSSIAN, "utf-8", None),
    "latin-1 declared, is utf-8": (FRENCH, "utf-8", "iso-8859-1"),
    "shift_jis declared, is utf-8": (JAPANESE, "utf-8", "shift_jis"),
    "header cp1251": (RUSSIAN, "cp1251", "windows-1251"),
    "header iso-8859-1 with a curly quote": (FRENCH, "cp1252", "iso-8859-1"),
    "header gb2312": (CHINESE, "gb18030", "gb2312"),
    "header ks_c_5601": (KOREAN, "cp949", "ks_c_5601-1987"),
    "header iso-2022-jp, which is ASCII bytes": (JAPANESE, "iso2022_jp", "iso-2022-jp"),
    "header utf-16le without a mark": (RUSSIAN, "utf-16-le", "utf-16le"),
    "utf-16 declared, is utf-8": (RUSSIAN, "utf-8", "utf-16"),
    "utf-8 declared, is cp1254": (TURKISH, "cp1254", None),
    "utf-8 declared, is cp1251": (RUSSIAN, "cp1251", "utf-8"),
    "gbk declared, is cp1251": (RUSSIAN, "cp1251", "gbk"),
    "unknown label, is greek": (GREEK, "iso8859-7", "greek-to-me"),
    "no label, koi8": (RUSSIAN, "koi8_u", None),
    "no label, shift_jis": (JAPANESE, "cp932", None),
    "no label, euc-jp": (JAPANESE, "euc_jp", None),
    "no label, iso-2022-jp": (JAPANESE, "iso2022_jp", None),
    "no label, gb18030": (CHINESE, "gb18030", None),
    "no label, korean": (KOREAN, "cp949", None),
    "no label, windows-1252": (FRENCH, "cp1252", None),
}


@pytest.mark.parametrize(("text", "codec", "label"), PAGES.values(), ids=PAGES)
def test_a_page_is_read_with_the_charset_it_is_in(text, codec, label):
    assert decode_html(text.encode(codec), label and f"text/html; charset={label}")[0] == text


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_a_byte_order_mark_beats_the_header_and_is_not_text(mark):
    codec = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}[mark]
    assert decode_html(mark + TURKISH.encode(codec), "text/html; charset=latin-1") == (TURKISH, codec, "mark")


def test_the_header_beats_meta():
    page = '<meta charset="koi8-r">' + RUSSIAN
    assert decode_html(page.encode("cp1251"), "text/html; charset=windows-1251") == (page, "cp1251", "header")


def test_meta_counts_where_the_header_is_silent_or_wrong():
    page = '<meta charset="windows-1254">' + TURKISH
    for header in (None, "text/html", "text/html; charset=utf-8", "text/html; charset=nonsense"):
        assert decode_html(page.encode("cp1254"), header) == (page, "cp1254", "meta")


def test_utf8_with_one_damaged_byte_stays_utf8():
    page = RUSSIAN.encode() + b"\xff<p>" + RUSSIAN.encode()
    assert decode_html(page, "text/html; charset=windows-1252") == (RUSSIAN + "\ufffd<p>" + RUSSIAN, "utf-8", "bytes")


def test_a_cut_last_character_stays_utf8():
    assert decode_html(RUSSIAN.encode() + "р".encode()[:1]) == (RUSSIAN + "\ufffd", "utf-8", "bytes")


def test_two_gbk_characters_that_are_valid_utf8_keep_their_label():
    assert decode_html("联通".encode("gbk"), "text/html; charset=gbk") == ("联通", "gb18030", "header")


def test_a_few_bytes_beyond_ascii_are_windows_1252():
    assert decode_html("<p>Privé events</p>".encode("cp1252")) == ("<p>Privé events</p>", "cp1252", "detected")


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([None, *("text/html; charset=" + label for label, _ in LABELS.values())]))
def test_any_bytes_under_any_label_become_valid_text(payload, header):
    text, codec, source = decode_html(payload, header)
    assert source in SOURCES
    assert python_codec(whatwg_name(codec)) in (codec, "cp1252")
    text.encode()
    codecs.lookup(codec)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=0), st.sampled_from([None, "text/html; charset=windows-1252"]))
def test_utf8_survives_a_single_byte_label(text, header):
    payload = text.encode()
    if not payload.startswith((codecs.BOM_UTF8, b"\xff\xfe", b"\xfe\xff")) and b"\x1b$B" not in payload:
        assert decode_html(payload, header) == (text, "utf-8", "bytes")


LATIN_LABELS = ("iso-8859-1", "windows-1252", "us-ascii", "iso-8859-15")
OTHERS = {
    "windows-1251": (RUSSIAN, "cp1251"),
    "koi8-r": (RUSSIAN, "koi8-r"),
    "shift_jis": (JAPANESE, "cp932"),
    "euc-jp": (JAPANESE, "euc_jp"),
    "gbk": (CHINESE, "gb18030"),
    "big5": ("<p>天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。寒來暑往，秋收冬藏。</p>" * 3, "big5"),
    "euc-kr": (KOREAN, "cp949"),
    "windows-1253": (GREEK, "cp1253"),
    "windows-1254": (TURKISH, "cp1254"),
}


@pytest.mark.parametrize("label", LATIN_LABELS)
@pytest.mark.parametrize("meta", OTHERS)
def test_a_label_that_servers_send_by_default_does_not_beat_the_page(label, meta):
    text, codec = OTHERS[meta]
    page = f"<meta charset={meta}>{text}"
    found = decode_html(page.encode(codec), f"text/html; charset={label}")
    assert (found.text, found.source) == (page, "meta")
    assert decode_html(text.encode(codec), f"text/html; charset={label}").text == text  # the page says nothing


@pytest.mark.parametrize("meta", OTHERS)
@pytest.mark.parametrize("label", [*LATIN_LABELS, None])
def test_a_wrong_meta_does_not_spoil_a_french_page(meta, label):
    page = f"<meta charset={meta}>{FRENCH}"
    assert decode_html(page.encode("cp1252"), label and f"text/html; charset={label}").text == page


@pytest.mark.parametrize(
    ("codec", "label"), [("utf-16-le", None), ("utf-16-be", None), ("utf-16-le", "utf-8"), ("utf-16-be", "iso-8859-1")]
)
def test_utf16_without_a_mark_or_a_right_label_is_seen(codec, label):
    page = f"<!DOCTYPE html><html><head><title>t</title></head><body>{RUSSIAN}</body></html>"
    assert decode_html(page.encode(codec), label and f"text/html; charset={label}") == (page, codec, "bytes")


@pytest.mark.parametrize("label", [None, "utf-8", "iso-8859-1", "windows-1252"])
@pytest.mark.parametrize("share", [1, 3])
def test_a_paragraph_in_latin_1_in_a_utf8_page_is_mended_and_the_rest_stays(label, share):
    quoted = "<p>Où est le café ? « À l’été », dit-elle – déjà.</p>" * share
    page = RUSSIAN.encode() + quoted.encode("cp1252") + RUSSIAN.encode()
    found = decode_html(page, label and f"text/html; charset={label}")
    assert found == (RUSSIAN + quoted + RUSSIAN, "utf-8", "mixed")


def test_a_damaged_byte_in_french_utf8_stays_damaged():
    page = f"<p>{FRENCH}</p>".encode()
    at = page.index("é".encode())
    assert decode_html(page[:at] + page[at + 1 :]).text.count("\ufffd") == 1


@pytest.mark.parametrize(
    ("codec", "name"),
    [("cp1251", "windows-1251"), ("koi8_u", "koi8-u"), ("cp932", "shift_jis"), ("iso8859-7", "iso-8859-7"), ("utf-8", "utf-8")],
)
def test_charsets_have_the_standards_names(codec, name):
    assert whatwg_name(codec) == name


CAPITALS = "<p>СЪЕШЬ ЖЕ ЕЩЁ ЭТИХ МЯГКИХ ФРАНЦУЗСКИХ БУЛОК, ДА ВЫПЕЙ ЧАЮ. ГАВАНЬ БЫЛА ПОСТРОЕНА РЫБАКАМИ</p>"


@pytest.mark.parametrize("label", ["windows-1251", "koi8-r", "iso-8859-5"])
@pytest.mark.parametrize("header", [True, False])
def test_a_label_over_cyrillic_capitals_is_believed(label, header):
    page = ("" if header else f"<meta charset={label}>") + CAPITALS
    content_type = f"text/html; charset={label if header else 'iso-8859-1'}"
    assert decode_html(page.encode(label), content_type).text == page


def test_the_label_of_a_page_in_koi8_is_what_decides():
    assert decode_html(RUSSIAN.encode("koi8-r"), "text/html; charset=koi8-r").source == "header"
    assert decode_html(b"<meta charset=koi8-r>" + RUSSIAN.encode("koi8-r"), "text/html; charset=iso-8859-1").source == "meta"


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [RUSSIAN, GREEK, JAPANESE, CHINESE, KOREAN, TURKISH, FRENCH])
@pytest.mark.parametrize("header", [None, "text/html; charset=utf-8", "text/html; charset=iso-8859-1"])
def test_utf16_without_mark_or_label_is_recognized(codec, text, header):
    page = "\r\n<html>" + text * 20
    assert decode_html(page.encode(codec), header) == (page, codec, "bytes")
    assert decode_html(page.encode(codec) + b"<", header)[1:] == (codec, "bytes")


def test_zero_bytes_do_not_make_a_page_utf16():
    page = b"<html>\0<p>\0Hello w\xc3\xb6rld</p>" + b"\0" * 20
    assert decode_html(page).codec == "utf-8"
    assert decode_html(bytes(range(256)) * 4).codec not in ("utf-16-le", "utf-16-be")


STRETCHES = {
    "latin letters": ("<p>Né à Paris, où l’été brûle – « ça va ».</p>", "cp1252", None),
    "one letter": ("<p>café</p>", "cp1252", None),
    "symbols": ("<p>25 ± 3 °C, 3 × 4 ÷ 2, £5 or ¥9</p>", "cp1252", "text/html; charset=utf-8"),
    "the charset that the header names": (RUSSIAN, "cp1251", "text/html; charset=windows-1251"),
    "a header that the stretch contradicts": ("<p>Né à Paris, où l’été brûle</p>", "cp1252", "text/html; charset=windows-1251"),
}


@pytest.mark.parametrize(("stretch", "codec", "header"), STRETCHES.values(), ids=STRETCHES)
def test_a_stretch_in_another_charset_inside_utf8_is_mended(stretch, codec, header):
    around = (GREEK + JAPANESE + FRENCH) * 3
    page = around.encode() + stretch.encode(codec) + around.encode()
    assert decode_html(page, header) == (around + stretch + around, "utf-8", "mixed")


def test_a_stretch_in_an_unknown_charset_is_not_made_into_accents():
    page = GREEK.encode() * 9 + RUSSIAN.encode("cp1251")
    decoded = decode_html(page, "text/html; charset=utf-8")
    assert (decoded.codec, decoded.source) == ("utf-8", "bytes")
    assert "Ñ" not in decoded.text


THAI = "<p>ท่าเรือแห่งนี้สร้างขึ้นโดยชาวประมงเมื่อสองร้อยปีก่อน และยังคงเป็นที่พักของกองเรือเล็ก</p>" * 3


def test_a_label_of_thai_is_believed_over_thai_only():
    assert decode_html(THAI.encode("cp874"), "text/html; charset=windows-874") == (THAI, "cp874", "header")
    page = "<meta charset=windows-1251>" + THAI
    assert decode_html(page.encode("cp874"), "text/html; charset=tis-620").text == page
    for text, codec in ((CHINESE, "gb18030"), (KOREAN, "cp949")):
        assert decode_html((text * 3).encode(codec), "text/html; charset=windows-874").text == text * 3
