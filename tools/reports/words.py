"""How numbers are written, and the words around a notebook in the languages of reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def number(value: float, digits: int = 5) -> str:
    """A number for readers, as the library writes it: integers in full, powers of ten where it is very small or large."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 2**53:
        text = _grouped(str(int(value)))
    elif 1e-4 <= abs(value) < 1e7:
        text = _grouped(repr(float(f"{value:.{digits}g}")).removesuffix(".0"))
    else:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        text = f"{float(mantissa)!r}".removesuffix(".0") + f"e{int(exponent)}"
    return text.replace("-", "−")


def _grouped(text: str) -> str:
    """Commas between thousands where the integer part has five places or more."""
    whole, point, fraction = text.partition(".")
    if len(whole.lstrip("-")) >= 5:
        whole = f"{int(whole):,}"
    return whole + point + fraction


def measured(value: Any, interval: Sequence[float | None]) -> tuple[str, str]:
    """A measured value and its accepted interval, with as many digits as show on which side of an end it lies."""
    low, high = interval
    ends = [end for end in interval if end is not None]
    digits = 5
    if isinstance(value, str):
        # What JSON cannot write as a number arrives as text.
        value = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(value, value)
    finite = isinstance(value, (int, float)) and math.isfinite(value)
    while (
        finite
        and digits < 17
        and any(e != value and number(e, digits) == number(value, digits) for e in ends)
    ):
        digits += 1
    if value is None:
        shown = "NaN"
    else:
        shown = number(value, digits) if isinstance(value, (int, float)) else str(value)
    texts = [None if end is None else number(end, digits) for end in (low, high)]
    if low is None:
        return shown, "any number" if high is None else f"≤ {texts[1]}"
    if high is None:
        return shown, f"≥ {texts[0]}"
    return shown, f"= {texts[0]}" if low == high else f"[{texts[0]}, {texts[1]}]"


WORDS: dict[str, dict[str, str]] = {
    "en": {
        "accepted": "accepted:",
        "accepted_title": "Accepted",
        "cell": "cell",
        "check": "Check",
        "checks_passed": "{passed} of {all} checks passed",
        "checks_title": "Checks of this run",
        "contents": "Contents",
        "failed": "failed",
        "failures": "This run failed",
        "figure": "Figure",
        "hide_code": "Hide code",
        "line": "line",
        "no_checks": "This run contains no check.",
        "passed": "passed",
        "profile": "profile",
        "show_code": "Show code",
        "skip": "Skip to the text",
        "took": "ran in {seconds} s",
        "value": "Measured",
        "CPU": "Processor",
        "cores": "Cores",
        "OS": "System",
        "commit": "Commit",
        "device": "Device",
    },
    "zh": {
        "accepted": "接受区间：",
        "accepted_title": "接受区间",
        "cell": "单元格",
        "check": "检验",
        "checks_passed": "{all} 项检验通过 {passed} 项",
        "checks_title": "本次运行的检验",
        "contents": "目录",
        "failed": "未通过",
        "failures": "本次运行失败",
        "figure": "图",
        "hide_code": "隐藏代码",
        "line": "行",
        "no_checks": "本次运行没有检验。",
        "passed": "通过",
        "profile": "规模",
        "show_code": "显示代码",
        "skip": "跳到正文",
        "took": "运行 {seconds} 秒",
        "value": "实测值",
        "CPU": "处理器",
        "cores": "核心",
        "OS": "系统",
        "commit": "提交",
        "device": "设备",
    },
}
