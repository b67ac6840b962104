"""Goes through everything that a real call needs, from outside."""

from phone.doctor.checks import Check, Diagnosis, Verdict
from phone.doctor.examine import DoctorPlan, examine

__all__ = ["Check", "Diagnosis", "DoctorPlan", "Verdict", "examine"]
