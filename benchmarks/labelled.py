"""The sets with labels that several benchmarks read, and what their labels are to the three themes."""

from pathlib import Path

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
EVENTS = DATA / "wiki_current_events_2002_2021.jsonl.gz"
WIKI = {
    "armed_conflict_attacks": "extremism",
    "international_relations": "cooperation",
    "business_economy": "economic_stability",
}
"""Label of Wikipedia's current events -> the theme that it is nearest to."""
LANGUAGES = {"en": "eng_Latn", "ru": "rus_Cyrl", "kk": "kaz_Cyrl"}
"""Language -> its folder of the set of sentences (sib200)."""
