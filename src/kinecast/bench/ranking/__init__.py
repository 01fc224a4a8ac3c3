"""User studies: a page that shows methods' forecasts blind, two at a time, and counts the votes.

`kinecast bench ranking SOURCE... --out page.html` is `write`; `kinecast bench votes FILE...` is
`standings`, whose `lines` are printed, or `as_json` with --json.
"""

from kinecast.bench.ranking.page import PAIRS, QUESTIONS, write
from kinecast.bench.ranking.standings import Standings, standings

__all__ = ["PAIRS", "QUESTIONS", "Standings", "standings", "write"]
