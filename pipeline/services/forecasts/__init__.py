"""Owns what a run would do before it is started: calls, credits, time, slots (plan 2.3); and what is ahead of one.

Never: spends, writes.
"""

from pipeline.services.forecasts.forecast import Forecast, forecast
from pipeline.services.forecasts.rest import Rest, rest_of

__all__ = ["Forecast", "Rest", "forecast", "rest_of"]
