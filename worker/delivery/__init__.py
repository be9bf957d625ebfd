"""Delivery: the invoice leaves the house, once."""

from worker.delivery.follow_up import run as run_follow_up
from worker.delivery.outbound import DeliveryConfig
from worker.delivery.send import Carriers, run

__all__ = ["Carriers", "DeliveryConfig", "run", "run_follow_up"]
