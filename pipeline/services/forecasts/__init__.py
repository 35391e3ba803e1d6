"""Owns what a run would do before it is started: calls, credits, time, slots (plan 2.3).

Never: spends, writes.
"""

from pipeline.services.forecasts.forecast import Forecast, forecast

__all__ = ["Forecast", "forecast"]
