"""Report of a call: judged from its log, and written for people, programs and browsers.

Public: `conclude` (from a log to a `CallReport` with its `SocketReport`s), `summary` (as text), and
`Problem` with its `Severity`.
"""

from phone.legs.log import Problem, Severity
from phone.report.call_report import CallReport, SocketReport
from phone.report.conclusion import conclude
from phone.report.summary import summary

__all__ = ["CallReport", "Problem", "Severity", "SocketReport", "conclude", "summary"]
