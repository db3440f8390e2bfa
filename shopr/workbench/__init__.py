"""Experiments from a file to a result: read, run, repeated, scheduled, looked at again and reported."""

from __future__ import annotations

from shopr.former import redirect

_MOVED = {
    "drills": "alertdrill:alerts alertincidents:incidents alertnull:null analyticsreport:analytics "
    "diagnostics_sample:diagnostics promotion_sample:promotion securityreport:security securitytraffic:traffic",
    "maintenance": "maintenance_analytics:analytics maintenance_compliance:compliance "
    "maintenance_experiments:experiments maintenance_guard:guard maintenance_models:models "
    "maintenance_parts:parts maintenance_retrain:retrain maintenance_runs:runs maintenance_sample:sample "
    "maintenance_search:search maintenance_sections:sections maintenance_security:security maintenance_shop:shop "
    "maintenance_show:show",
    "review": "report reproduce",
    "running": "cachekey child collecting execution executor kernels ledger pages preloading processes runner "
    "settling warm",
    "specs": "schedule.check:checking schedule.spec:schedule schedule.template:moments schedule.times:times "
    "schema spec specfiles:files specwords:words sweepspec:sweep template",
    "sweeps": "cluster sweep sweepchoice:choice sweepreport:report sweepwork:work trials",
}
"""Room -> the modules that lay beside it once, `before:today` where the name changed too; what was kept from then names
them as before."""

redirect("shopr.workbench", _MOVED)
