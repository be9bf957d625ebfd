"""Postback: at 15:30 the ERP is told what was delivered, with the KID and the PDF as delivered."""

from worker.postback.step import run

__all__ = ["run"]
