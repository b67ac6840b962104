"""Checks an application from outside, before a real call.

Public: `examine`, of a `DoctorPlan`; its result, a `Diagnosis` of `Check`s, each with a `Verdict`.
"""

from phone.doctor.checks import Check, Diagnosis, Verdict
from phone.doctor.examine import DoctorPlan, examine

__all__ = ["Check", "Diagnosis", "DoctorPlan", "Verdict", "examine"]
