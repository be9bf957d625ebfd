"""Maventa (Visma's access point, AutoInvoice): EHF to businesses and eFaktura to private persons over one line.

Built from Maventa's published OpenAPI document and guides; docs/maventa.md says what of it is a guess.
"""

from worker.adapters.maventa.access_point import MaventaAccessPoint
from worker.adapters.maventa.connection import TIMEOUTS, MaventaConnection
from worker.adapters.maventa.efaktura import MaventaConsumerChannel

__all__ = ["TIMEOUTS", "MaventaAccessPoint", "MaventaConnection", "MaventaConsumerChannel"]
