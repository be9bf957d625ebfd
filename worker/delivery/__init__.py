"""Delivery: the invoice leaves the house, once."""

from worker.delivery.attempts import Carriers
from worker.delivery.bounces import BounceConfig
from worker.delivery.bounces import run as run_bounces
from worker.delivery.codes import run as run_codes
from worker.delivery.follow_up import run as run_follow_up
from worker.delivery.letter import letter_paper, posted_sha256
from worker.delivery.outbound import DeliveryConfig
from worker.delivery.receipts import returned_text
from worker.delivery.receipts import run as run_receipts
from worker.delivery.send import run

__all__ = [
    "BounceConfig",
    "Carriers",
    "DeliveryConfig",
    "letter_paper",
    "posted_sha256",
    "returned_text",
    "run",
    "run_bounces",
    "run_codes",
    "run_follow_up",
    "run_receipts",
]
