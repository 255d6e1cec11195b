"""Language codes: what is accepted, what it becomes, and what the message for the rest says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricle.schemas.languages import (
    CODES,
    LABELS,
    LANGUAGES,
    UNDETERMINED,
    WITHOUT_SPACES,
    canonical,
    short_code,
)


def test_the_table_holds_each_label_once_and_no_iso_code_twice():
    assert len(LABELS) == len(set(LABELS)) == 184
    assert list(LABELS) == sorted(LABELS)
    assert len({language.iso3 for language in LANGUAGES.values()}) == 184
    assert len({language.name for language in LANGUAGES.values()}) == 184
    for language in LANGUAGES.values():
        assert len(language.iso3) == 3
        assert language.scripts
        assert all(len(script) == 4 and script.istitle() for script in language.scripts)


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("en", "en"),
        ("eng", "en"),
        ("eng_Latn", "en"),
        ("tr", "tr"),
        ("tur_Latn", "tr"),
        ("arb_Arab", "ar"),
        ("arz_Arab", "arz"),
        ("zho_Hans", "zh"),
        ("zho_Hant", "zh"),
        ("cmn_Hani", "zh"),
        ("nob_Latn", "no"),
        ("nb", "no"),
        ("srp_Latn", "sr"),
        ("khk_Cyrl", "mn"),
        ("npi_Deva", "ne"),
        ("fil", "tl"),
        ("iw", "he"),
        ("und", "und"),
        pytest.param("als", "als", id="lid.176's als is Alemannic"),
        pytest.param("gsw", "als", id="whose ISO code is gsw"),
        pytest.param("als_Latn", "sq", id="FLORES's als is Tosk Albanian"),
    ],
)
def test_each_code_system_leads_to_lid_176s_label(code: str, label: str):
    assert canonical(code) == label


@pytest.mark.parametrize(
    ("code", "near"),
    [
        ("EN", "en"),
        (" en", "en"),
        ("english", "en"),
        ("Turkish", "tr"),
        ("turkisch", "tr"),
        ("jp", "ja"),
        ("cz", "cs"),
        ("pt-BR", "pt"),
        ("zh_CN", "zh"),
        ("eng_Cyrl", "en"),
        ("eng_latn", "en"),
        ("engl", "eng"),
    ],
)
def test_an_unknown_code_is_an_error_that_names_the_nearest(code: str, near: str):
    with pytest.raises(ValueError, match=f"^unknown language code {code!r}; did you mean '{near}'\\?$"):
        canonical(code)


@pytest.mark.parametrize("code", ["", "xx", "dz"])
def test_a_code_near_nothing_is_an_error_without_a_guess(code: str):
    with pytest.raises(ValueError, match=f"^unknown language code {code!r}; it is not one of the language model's 184 codes$"):
        canonical(code)


def test_another_models_codes_stand_for_themselves_and_those_it_lacks_are_refused():
    labels = frozenset({"en", "ssw_Latn"})
    assert canonical("ssw_Latn", labels) == "ssw_Latn"
    assert canonical("eng", labels) == "en"
    with pytest.raises(ValueError, match="unknown language code 'tr'; it is not one of the language model's 2 codes"):
        canonical("tr", labels)


@given(st.sampled_from(sorted(CODES)))
def test_what_comes_out_goes_in_again(code: str):
    assert canonical(canonical(code)) == canonical(code) == short_code(code)


@given(st.text(max_size=12))
def test_any_text_is_a_known_code_or_a_value_error(text: str):
    if text in CODES or text == UNDETERMINED:
        assert canonical(text) in {*LABELS, UNDETERMINED}
    else:
        with pytest.raises(ValueError, match=r"^unknown language code"):
            canonical(text)


def test_labels_of_other_models_stay_as_they_are():
    assert short_code("ssw_Latn") == "ssw_Latn"


def test_scripts_without_spaces():
    assert set(LABELS) >= WITHOUT_SPACES - {"dz", "shn"}
    assert "ko" not in WITHOUT_SPACES
