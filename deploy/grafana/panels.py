"""A dashboard from rows of panels, each said in a few words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from grafana_foundation_sdk.builders import common as options
from grafana_foundation_sdk.builders import dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = model.DataSourceRef(type_val="prometheus", uid="$datasource")
HEIGHT = {"now": 4, "lines": 8, "table": 8, "heat": 8}
FIRST_ROW = 100
"""Numbers of panels are below, those of rows from here on."""
OK, WARN, BAD = "green", "orange", "red"


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: what it shows.
        says: how to read it, and when to worry.
        unit: Grafana's name of the unit.
        queries: legend -> PromQL.
        kind: one number each (now), lines over time, a table of the present, a heat map of a histogram.
        width: of 24 columns.
        bounds: values from which on it is orange, and red. Where less is worse, the second is below the first.
        stacked: lines upon each other, for parts of a whole.
    """

    title: str
    says: str
    unit: str
    queries: Mapping[str, str]
    kind: Literal["now", "lines", "table", "heat"] = "lines"
    width: int = 8
    bounds: tuple[float, float] | None = None
    stacked: bool = False


def write(uid: str, title: str, says: str, other: str, rows: Mapping[str, list[Panel]]) -> str:
    """The dashboard's JSON, with variables for data source, job and workers, and a link to the `other` one."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(says)
        .tags(["sluicegate"])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(dashboard.DashboardLink(other).type(model.DashboardLinkType.LINK).url(f"/d/{other}").keep_time(True))
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(_labels("job", "Deployment", "label_values(sluicegate_partitions, job)", several=False))
        .with_variable(
            _labels("instance", "Workers", 'label_values(sluicegate_partitions{job="$job"}, instance)', several=True)
        )
    )
    number = 0
    for place, (row, panels) in enumerate(rows.items()):
        made = made.with_row(dashboard.Row(row).id(FIRST_ROW + place))
        for panel in panels:
            number += 1
            made = made.with_panel(_built(panel, number))
    return json.dumps(made.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def _labels(name: str, label: str, query: str, *, several: bool) -> dashboard.QueryVariable:
    variable = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(query)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
    )
    return variable.multi(True).include_all(True).all_value(".+") if several else variable


def _built(panel: Panel, number: int) -> Any:
    kinds: dict[str, Any] = {
        "now": stat.Panel,
        "lines": timeseries.Panel,
        "table": table.Panel,
        "heat": heatmap.Panel,
    }
    made = (
        kinds[panel.kind]()
        .id(number)
        .title(panel.title)
        .description(panel.says)
        .datasource(SOURCE)
        .unit(panel.unit)
        .height(HEIGHT[panel.kind])
        .span(panel.width)
    )
    for place, (legend, expression) in enumerate(panel.queries.items()):
        query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + place))
        if panel.kind == "table":
            query = query.instant().format(PromQueryFormat.TABLE)
        elif panel.kind == "heat":
            query = query.range().format(PromQueryFormat.HEATMAP)
        else:
            query = query.range()
        made = made.with_target(query)
    if panel.bounds or panel.kind == "now":
        made = made.thresholds(_thresholds(panel.bounds))
    if panel.kind == "now":
        made = made.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)).reduce_options(
            options.ReduceDataOptions().calcs(["lastNotNull"])
        )
    return _drawn(made, panel) if panel.kind == "lines" else made


def _drawn(made: Any, panel: Panel) -> Any:
    """How lines look, with a legend that tells of each the last value and the greatest."""
    made = made.min(0).fill_opacity(40 if panel.stacked else 8).line_width(1)
    made = made.legend(
        options.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
        .show_legend(True)
    )
    if panel.stacked:
        made = made.stacking(options.StackingConfig().mode(common.StackingMode.NORMAL))
    if panel.bounds:
        made = made.thresholds_style(options.GraphThresholdsStyleConfig().mode(common.GraphTresholdsStyleMode.DASHED))
    return made


def _thresholds(bounds: tuple[float, float] | None) -> dashboard.ThresholdsConfig:
    if bounds is None:
        steps = [model.Threshold(None, OK)]
    elif bounds[0] <= bounds[1]:
        steps = [model.Threshold(None, OK), model.Threshold(bounds[0], WARN), model.Threshold(bounds[1], BAD)]
    else:
        steps = [model.Threshold(None, BAD), model.Threshold(bounds[1], WARN), model.Threshold(bounds[0], OK)]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)
