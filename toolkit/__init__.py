"""News articles in, a briefing on themes out, and every number traceable to its articles."""

__version__ = "0.1.0"
