"""Risk to people: scored by several methods, led to a level by written rules, explained."""

from incident_flows.core.risk.assess import assess_risk
from incident_flows.core.risk.policy import RiskPolicy
from incident_flows.core.risk.result import Level, MethodResult, OwedTo, Question, Risk, WouldChange

__all__ = [
    "Level",
    "MethodResult",
    "OwedTo",
    "Question",
    "Risk",
    "RiskPolicy",
    "WouldChange",
    "assess_risk",
]
