"""Product search: words to products, without a model download and without a network.

`ProductSearch.build(catalog)` makes an index; `.search(query)` answers with products, scores and
how sure it is of each.
"""

from shopr.former import redirect
from shopr.search.asking.config import SearchConfig
from shopr.search.asking.results import SORTS, Filters, Found
from shopr.search.searching.engine import ProductSearch

_MOVED = {
    "asking": "config request results",
    "catalogue": "columns fields filtering forward kinds mining postings storing",
    "learnt": "click_synonyms clicks journal learning ranker reranking",
    "measures": "evaluation probes",
    "merchant": "advice desk querylog",
    "pictures": "visual:search visual_config:config visual_features:features visual_foreground:foreground "
    "visual_model:model visual_reading:reading",
    "query": "compounds mending spelling suggesting understanding",
    "searching": "confidence engine index keeping listing ranking",
    "text": "codes deletes lexicon masking stemming synonyms tokens",
    "vectors": "meaning semantic",
}
"""Room -> the modules that lay beside it once, `before:today` where the name changed too; what was kept from then names
them as before."""

redirect("shopr.search", _MOVED)

__all__ = ["SORTS", "Filters", "Found", "ProductSearch", "SearchConfig"]
