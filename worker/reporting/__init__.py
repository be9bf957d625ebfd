"""Reporting: is every invoice accounted for, and the day told to client and factor."""

from worker.reporting.completeness import WINDOW, check, not_checked, tell
from worker.reporting.completeness import run as run_completeness
from worker.reporting.for_client import ClientNames
from worker.reporting.mailing import (
    FactorReportConfig,
    ReportConfig,
    client_report_of,
    factor_report_of,
    give_up,
    period,
    run_factor,
)
from worker.reporting.mailing import run as run_report
from worker.reporting.rendering import as_text
from worker.reporting.report import Report

__all__ = [
    "WINDOW",
    "ClientNames",
    "FactorReportConfig",
    "Report",
    "ReportConfig",
    "as_text",
    "check",
    "client_report_of",
    "factor_report_of",
    "give_up",
    "not_checked",
    "period",
    "run_completeness",
    "run_factor",
    "run_report",
    "tell",
]
