"""Languages by their ISO 639-1 codes, in English: those that the language detector may name."""

from __future__ import annotations

_NAMES = """
af Afrikaans, am Amharic, an Aragonese, ar Arabic, as Assamese, av Avaric, az Azerbaijani, ba Bashkir,
be Belarusian, bg Bulgarian, bh Bihari, bn Bangla, bo Tibetan, br Breton, bs Bosnian, ca Catalan, ce Chechen,
co Corsican, cs Czech, cv Chuvash, cy Welsh, da Danish, de German, dv Divehi, el Greek, en English, eo Esperanto,
es Spanish, et Estonian, eu Basque, fa Persian, fi Finnish, fr French, fy Western Frisian, ga Irish,
gd Scottish Gaelic, gl Galician, gn Guarani, gu Gujarati, gv Manx, he Hebrew, hi Hindi, hr Croatian,
ht Haitian Creole, hu Hungarian, hy Armenian, ia Interlingua, id Indonesian, ie Interlingue, io Ido, is Icelandic,
it Italian, ja Japanese, jv Javanese, ka Georgian, kk Kazakh, km Khmer, kn Kannada, ko Korean, ku Kurdish, kv Komi,
kw Cornish, ky Kyrgyz, la Latin, lb Luxembourgish, li Limburgish, lo Lao, lt Lithuanian, lv Latvian, mg Malagasy,
mk Macedonian, ml Malayalam, mn Mongolian, mr Marathi, ms Malay, mt Maltese, my Burmese, ne Nepali, nl Dutch,
nn Norwegian Nynorsk, no Norwegian, oc Occitan, or Odia, os Ossetic, pa Punjabi, pl Polish, ps Pashto,
pt Portuguese, qu Quechua, rm Romansh, ro Romanian, ru Russian, sa Sanskrit, sc Sardinian, sd Sindhi,
sh Serbo-Croatian, si Sinhala, sk Slovak, sl Slovenian, so Somali, sq Albanian, sr Serbian, su Sundanese,
sv Swedish, sw Swahili, ta Tamil, te Telugu, tg Tajik, th Thai, tk Turkmen, tl Tagalog, tr Turkish, tt Tatar,
ug Uyghur, uk Ukrainian, ur Urdu, uz Uzbek, vi Vietnamese, vo Volapük, wa Walloon, yi Yiddish, yo Yoruba, zh Chinese
"""
_BY_CODE = dict(entry.split(" ", 1) for entry in " ".join(_NAMES.split()).split(", "))
_UNKNOWN = ("und", "")


def language_name(code: str) -> str:
    """Return the English name of a language code; a code that is none stays as it is.

    >>> language_name("fy"), language_name("und")
    ('Western Frisian', 'not recognised')
    """
    return "not recognised" if code in _UNKNOWN else _BY_CODE.get(code, code)
