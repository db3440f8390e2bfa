"""Product search: words to products, without a model download and without a network.

`ProductSearch.build(catalog)` makes an index; `.search(query)` answers with products, scores and
how sure it is of each.
"""

from shopr.search.config import SearchConfig
from shopr.search.engine import ProductSearch
from shopr.search.results import SORTS, Filters, Found

__all__ = ["SORTS", "Filters", "Found", "ProductSearch", "SearchConfig"]
