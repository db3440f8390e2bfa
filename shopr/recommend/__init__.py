from shopr.former import redirect

_MOVED = {
    "arithmetic": "gram least_squares neighbours pairs weighting",
    "contract": "base explain memory model_memory persist registry results",
    "following": "increments live online refit_drift session",
    "lists": "cards impressions listing pipeline rerank rules",
    "models": "cold cold_map content ease_side explicit factor hybrid itemweights knn likeness linear popular sequence "
    "spark spark_job spectral stack timekernel",
    "related": "baskets cross_sell replenish significance",
    "selection": "blending cold_spaces cold_tuning evaluation scaling search shape spaces tuning validation",
    "situation": "circumstances climate context context_file context_policy",
}
"""Room -> the modules that lay beside it once; what was kept from then names them without the room."""

redirect("shopr.recommend", _MOVED)
