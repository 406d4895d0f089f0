"""The parts of a score, all behind one interface: `Part` in base.py."""

from pipelines_lib.anomaly.parts.base import Part, Stretch
from pipelines_lib.anomaly.parts.forecast import ForecastPart
from pipelines_lib.anomaly.parts.rebuild import AutoencoderPart, PCAPart
from pipelines_lib.anomaly.parts.simple import EnergyPart, RobustZPart, ShiftPart

__all__ = [
    "AutoencoderPart",
    "EnergyPart",
    "ForecastPart",
    "PCAPart",
    "Part",
    "RobustZPart",
    "ShiftPart",
    "Stretch",
]
