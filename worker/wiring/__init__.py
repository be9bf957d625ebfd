"""The only place that builds adapters and hands them to steps."""

from worker.wiring.accounts import account_notes, check_all_accounts, check_client_accounts
from worker.wiring.counterparties import build_documents, build_rules, check_efaktura, check_tenant
from worker.wiring.doctor import kid_use, run_doctor
from worker.wiring.erp import booking_plan, build_erp, build_vouchers
from worker.wiring.house import House, build_house
from worker.wiring.reporting import (
    check_completeness,
    factor_report_config,
    report_config,
    send_factor_report,
    send_report,
)
from worker.wiring.rule_folders import check_rules_folder, compile_rules, write_rules_manifest
from worker.wiring.settlement import statement_config
from worker.wiring.steps import code_step, delivery_config, routing_rules, stamping_config, steps_of

__all__ = [
    "House",
    "account_notes",
    "booking_plan",
    "build_documents",
    "build_erp",
    "build_house",
    "build_rules",
    "build_vouchers",
    "check_all_accounts",
    "check_client_accounts",
    "check_completeness",
    "check_efaktura",
    "check_rules_folder",
    "check_tenant",
    "code_step",
    "compile_rules",
    "delivery_config",
    "factor_report_config",
    "kid_use",
    "report_config",
    "routing_rules",
    "run_doctor",
    "send_factor_report",
    "send_report",
    "stamping_config",
    "statement_config",
    "steps_of",
    "write_rules_manifest",
]
