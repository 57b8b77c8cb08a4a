import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.sources.formats.charset import charset, decoded, page_text

SHERIFF = "Sheriff’s Office – Doña Ana"


@pytest.mark.parametrize(
    "label",
    ["iso-8859-1", "ISO-8859-1", "latin1", "us-ascii", "windows-1252", "cp1252", "nonsense", "", None, "base64"],
)
def test_windows_1252_is_read_under_each_name_that_pages_give_it(label):
    assert decoded(SHERIFF.encode("cp1252"), label) == SHERIFF


def test_the_first_declared_charset_that_exists_decides():
    body = "Опубликовано".encode("cp1251")
    assert decoded(body, None, "no-such", "windows-1251", "koi8-r") == "Опубликовано"
    assert decoded("Doña".encode("cp1252"), "iso-8859-15", "koi8-r") == "Doña"


@pytest.mark.parametrize("label", ["utf-8", "utf8", "UTF-8", None])
@pytest.mark.parametrize("broken", [b"\x92", b"\xff", b"\xe2\x80", b"\xc3"])
def test_one_broken_byte_leaves_a_utf_8_page_readable(label, broken):
    text = decoded(SHERIFF.encode() + b" " + broken + b" " + SHERIFF.encode(), label)
    assert text.startswith(f"{SHERIFF} ")
    assert text.endswith(f" {SHERIFF}")


def test_valid_utf_8_is_read_as_such_though_something_else_is_declared():
    assert decoded(SHERIFF.encode(), "iso-8859-1") == SHERIFF


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_comes_first_and_is_left_out(encoding):
    assert decoded(SHERIFF.encode(encoding), "iso-8859-1") == SHERIFF


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("text/html; charset=windows-1252", "windows-1252"),
        ('text/html; Charset = "UTF-8"', "UTF-8"),
        ("text/html", None),
        ("", None),
        (None, None),
    ],
)
def test_the_charset_of_a_header_is_found(header, name):
    assert charset(header) == name


@given(
    st.binary(max_size=200),
    st.one_of(
        st.none(),
        st.text(max_size=20),
        st.sampled_from(["utf-7", "unicode_escape", "punycode", "idna", "utf-16", "shift_jis", "gbk"]),
    ),
)
@example(b"\x92", "utf-8")
@example(b"\xff", "mac")
def test_no_bytes_and_no_label_raise_an_error(body, label):
    decoded(body, label).encode()


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        ("", "text/html; charset=windows-1251"),
        ('<meta charset="windows-1251">', "text/html"),
        ('<META http-equiv="Content-Type" content="text/html; charset=windows-1251">', ""),
        ('<meta charset="utf-8">', "text/html; charset=windows-1251"),
        ('<?xml version="1.0" encoding="windows-1251"?>', None),
    ],
)
def test_a_page_is_read_in_the_servers_charset_or_else_its_own(head, content_type):
    body = f"{head}<p>Опубликовано</p>".encode("cp1251")
    assert page_text(body, content_type).endswith("<p>Опубликовано</p>")


def test_an_xml_declaration_is_left_out():
    assert page_text(b'<?xml version="1.0" encoding="utf-8"?><html>') == "<html>"
