"""Models of star ratings, trained by `surprise`: SVD, SVD++ (Koren 2008) and KNN with baselines (Koren 2010).

`surprise` only trains. What it learned is kept in plain arrays and scored here in batches. To rank, a predicted rating
is damped towards the mean by n / (n + damping), n being the item's ratings: one 5-star rating makes no best item.
A history entry speaks through its rating (`Histories.ratings`); entries without one are left out.
"""

from __future__ import annotations

from shopr.recommend.models.explicit.base import ExplicitRecommender
from shopr.recommend.models.explicit.comparison import compare_ratings
from shopr.recommend.models.explicit.factors import SVD, SVDConfig, SVDpp, SVDppConfig
from shopr.recommend.models.explicit.neighbours import KNNBaseline, KNNBaselineConfig

__all__ = [
    "SVD",
    "ExplicitRecommender",
    "KNNBaseline",
    "KNNBaselineConfig",
    "SVDConfig",
    "SVDpp",
    "SVDppConfig",
    "compare_ratings",
]
