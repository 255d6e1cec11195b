"""Language codes: lid.176's own labels, ISO 639-1 (`en`), ISO 639-3 (`eng`) and FLORES-200 style (`eng_Latn`).

The `language` column has lid.176's labels: ISO 639-1 if the language has such a code, else ISO 639-3, with the names of
Wikipedia's editions in a few cases (`als` is Alemannic, not Albanian; `bh` Bihari; `no` Bokmål; `eml`; `nah`). All code that
takes a language code from a user calls `canonical`, so that an impossible code is an error at the start.

Sources: the labels are lid.176's; ISO 639-3 codes and English names are those of ISO 639-3 (SIL) and CLDR; scripts are CLDR's
likely subtags, FLORES-200's and GlotLID's labels.
"""

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches

UNDETERMINED = "und"
"""ISO 639-2's code for "undetermined": blank text, or a score under `min_score`."""


@dataclass(frozen=True, kw_only=True)
class Language:
    """One language of the starter models."""

    label: str  # lid.176's label, the code in the `language` column
    iso3: str  # ISO 639-3 (for a macrolanguage, its own code)
    name: str  # English
    scripts: tuple[str, ...]  # ISO 15924, the usual one first
    others: tuple[str, ...] = ()  # further codes: standard member of a macrolanguage, withdrawn codes


# label iso3 name(with _ for a space) script[,script] [other codes]
_TABLE = """
af afr Afrikaans Latn
als gsw Alemannic Latn
am amh Amharic Ethi
an arg Aragonese Latn
ar ara Arabic Arab arb
arz arz Egyptian_Arabic Arab
as asm Assamese Beng
ast ast Asturian Latn
av ava Avaric Cyrl
az aze Azerbaijani Latn,Cyrl azj
azb azb South_Azerbaijani Arab
ba bak Bashkir Cyrl
bar bar Bavarian Latn
bcl bcl Central_Bikol Latn
be bel Belarusian Cyrl,Latn
bg bul Bulgarian Cyrl
bh bho Bihari Deva bih
bn ben Bengali Beng
bo bod Tibetan Tibt
bpy bpy Bishnupriya Beng
br bre Breton Latn
bs bos Bosnian Latn,Cyrl
bxr bxr Russia_Buriat Cyrl
ca cat Catalan Latn
cbk cbk Chavacano Latn
ce che Chechen Cyrl
ceb ceb Cebuano Latn
ckb ckb Central_Kurdish Arab
co cos Corsican Latn
cs ces Czech Latn
cv chv Chuvash Cyrl
cy cym Welsh Latn
da dan Danish Latn
de deu German Latn
diq diq Zazaki Latn zza
dsb dsb Lower_Sorbian Latn
dty dty Doteli Deva
dv div Divehi Thaa
el ell Greek Grek
eml eml Emilian-Romagnol Latn egl,rgn
en eng English Latn
eo epo Esperanto Latn
es spa Spanish Latn
et est Estonian Latn ekk
eu eus Basque Latn
fa fas Persian Arab pes
fi fin Finnish Latn
fr fra French Latn
frr frr Northern_Frisian Latn
fy fry Western_Frisian Latn
ga gle Irish Latn
gd gla Scottish_Gaelic Latn
gl glg Galician Latn
gn grn Guarani Latn gug
gom gom Goan_Konkani Deva,Latn
gu guj Gujarati Gujr
gv glv Manx Latn
he heb Hebrew Hebr iw
hi hin Hindi Deva
hif hif Fiji_Hindi Latn,Deva
hr hrv Croatian Latn
hsb hsb Upper_Sorbian Latn
ht hat Haitian_Creole Latn
hu hun Hungarian Latn
hy hye Armenian Armn
ia ina Interlingua Latn
id ind Indonesian Latn in
ie ile Interlingue Latn
ilo ilo Iloko Latn
io ido Ido Latn
is isl Icelandic Latn
it ita Italian Latn
ja jpn Japanese Jpan
jbo jbo Lojban Latn
jv jav Javanese Latn,Java jw
ka kat Georgian Geor
kk kaz Kazakh Cyrl,Latn,Arab
km khm Khmer Khmr
kn kan Kannada Knda
ko kor Korean Hang,Kore
krc krc Karachay-Balkar Cyrl
ku kur Kurdish Latn kmr
kv kom Komi Cyrl kpv
kw cor Cornish Latn
ky kir Kyrgyz Cyrl
la lat Latin Latn
lb ltz Luxembourgish Latn
lez lez Lezghian Cyrl
lg lug Ganda Latn
li lim Limburgish Latn
lmo lmo Lombard Latn
lo lao Lao Laoo
lrc lrc Northern_Luri Arab
lt lit Lithuanian Latn
lv lav Latvian Latn lvs
mai mai Maithili Deva
mg mlg Malagasy Latn plt
mhr mhr Eastern_Mari Cyrl
mi mri Maori Latn
min min Minangkabau Latn,Arab
mk mkd Macedonian Cyrl
ml mal Malayalam Mlym
mn mon Mongolian Cyrl,Mong khk
mr mar Marathi Deva
mrj mrj Western_Mari Cyrl
ms msa Malay Latn,Arab zsm
mt mlt Maltese Latn
mwl mwl Mirandese Latn
my mya Burmese Mymr
myv myv Erzya Cyrl
mzn mzn Mazanderani Arab
nah nah Nahuatl Latn
nap nap Neapolitan Latn
nds nds Low_German Latn
ne nep Nepali Deva npi
new new Newari Deva
nl nld Dutch Latn
nn nno Norwegian_Nynorsk Latn
no nor Norwegian Latn nb,nob
oc oci Occitan Latn
or ori Odia Orya ory
os oss Ossetic Cyrl
pa pan Punjabi Guru
pam pam Pampanga Latn
pfl pfl Palatine_German Latn
pl pol Polish Latn
pms pms Piedmontese Latn
pnb pnb Western_Punjabi Arab
ps pus Pashto Arab pbt
pt por Portuguese Latn
qu que Quechua Latn quy
rm roh Romansh Latn
ro ron Romanian Latn,Cyrl mo
ru rus Russian Cyrl
rue rue Rusyn Cyrl
sa san Sanskrit Deva
sah sah Yakut Cyrl
sc srd Sardinian Latn
scn scn Sicilian Latn
sco sco Scots Latn
sd snd Sindhi Arab,Deva
sh hbs Serbo-Croatian Latn,Cyrl
si sin Sinhala Sinh
sk slk Slovak Latn
sl slv Slovenian Latn
sn sna Shona Latn
so som Somali Latn
sq sqi Albanian Latn als
sr srp Serbian Cyrl,Latn
st sot Southern_Sotho Latn
su sun Sundanese Latn
sv swe Swedish Latn
sw swa Swahili Latn swh
ta tam Tamil Taml
te tel Telugu Telu
tg tgk Tajik Cyrl
th tha Thai Thai
tk tuk Turkmen Latn,Cyrl
tl tgl Tagalog Latn fil
tn tsn Tswana Latn
tr tur Turkish Latn
ts tso Tsonga Latn
tt tat Tatar Cyrl,Latn
tyv tyv Tuvinian Cyrl
ug uig Uyghur Arab,Cyrl,Latn
uk ukr Ukrainian Cyrl
ur urd Urdu Arab
uz uzb Uzbek Latn,Cyrl uzn
vec vec Venetian Latn
vep vep Veps Latn
vi vie Vietnamese Latn
vls vls West_Flemish Latn
vo vol Volapük Latn
wa wln Walloon Latn
war war Waray Latn
wuu wuu Wu_Chinese Hani,Hans
xal xal Kalmyk Cyrl
xh xho Xhosa Latn
xmf xmf Mingrelian Geor
yi yid Yiddish Hebr ydd,ji
yo yor Yoruba Latn
yue yue Cantonese Hant,Hani,Hans
zh zho Chinese Hans,Hant,Hani cmn
zu zul Zulu Latn
"""


def _parse(line: str) -> Language:
    label, iso3, name, scripts, *others = line.split()
    return Language(
        label=label,
        iso3=iso3,
        name=name.replace("_", " "),
        scripts=tuple(scripts.split(",")),
        others=tuple(others[0].split(",")) if others else (),
    )


LANGUAGES: dict[str, Language] = {language.label: language for language in map(_parse, _TABLE.strip().splitlines())}
"""lid.176's 176 languages and those that only the starter model `languages` knows, by label, sorted."""

LABELS = tuple(LANGUAGES)
"""Their labels, without `__label__`."""

WITHOUT_SPACES = frozenset({"bo", "dz", "ja", "km", "lo", "my", "shn", "th", "wuu", "yue", "zh"})
"""Languages written without a space between words: measures that split at white space say nothing about them.

`dz` and `shn` are no labels of lid.176; other models give them.
"""


def _codes() -> dict[str, str]:
    codes = {label: label for label in LABELS}
    for language in LANGUAGES.values():
        for code in (language.iso3, *language.others):
            codes.setdefault(code, language.label)  # setdefault: `als` stays Alemannic
            codes.update({f"{code}_{script}": language.label for script in language.scripts})
    return codes


CODES: dict[str, str] = _codes()
"""Every accepted code -> lid.176's label. The scripts of one language share a label: lid.176 does not tell them apart."""

_NAMES = {language.name.lower(): language.label for language in LANGUAGES.values()}
_COUNTRIES = {
    "cn": "zh",
    "cz": "cs",
    "dk": "da",
    "gb": "en",
    "gr": "el",
    "ir": "fa",
    "jp": "ja",
    "kr": "ko",
    "ua": "uk",
    "us": "en",
}


def canonical(code: str, labels: Collection[str] = LABELS) -> str:
    """The code that the `language` column carries for `code`; one of `labels` or `und`.

    `labels` are the codes that the language model in use can give (lid.176's by default): a code among them stands for
    itself, others go through `CODES`. Raises ValueError, with the nearest code, for anything else: also for a known
    language that this model cannot give, and for case (`EN`) and BCP 47 regions (`pt-BR`), which no model here tells apart.
    """
    if code == UNDETERMINED or code in labels:
        return code
    if (label := CODES.get(code, "")) in labels:
        return label
    near = _nearest(code, labels)
    hint = f"; did you mean {near!r}?" if near else f"; it is not one of the language model's {len(labels)} codes"
    raise ValueError(f"unknown language code {code!r}{hint}")


def short_code(label: str) -> str:
    """What the column holds for a model's label: lid.176's code where there is one (`eng_Latn` -> `en`), else the label."""
    return CODES.get(label, label)


def _nearest(code: str, labels: Collection[str]) -> str | None:
    lower = code.strip().lower()
    primary = lower.replace("-", "_").split("_")[0]
    for guess in (lower, _NAMES.get(lower), _COUNTRIES.get(lower), primary, _NAMES.get(primary)):
        if (found := CODES.get(guess or "", guess)) in labels:
            return found
    if names := get_close_matches(lower, _NAMES, n=1, cutoff=0.75):
        return _NAMES[names[0]] if _NAMES[names[0]] in labels else None
    near = get_close_matches(lower, [*labels, *(c for c, label in CODES.items() if label in labels)], n=1, cutoff=0.75)
    return near[0] if near else None
