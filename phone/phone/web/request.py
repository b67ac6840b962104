"""A page's request for a call: parsed, checked, turned into a plan."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phone.constants import Expect, Method, TalkMode
from phone.legs.faults import FaultError, Faults
from phone.legs.identity import CALLED, Identity
from phone.legs.plan import CallPlan, PlanError
from phone.web.settings import SoftphoneSettings

__all__ = ["CallRequest"]

Text = Annotated[str, Field(max_length=2000)]


class CallRequest(BaseModel):
    """The fields of the page's form.

    Args:
        answer_url: what to call.
        method: of the answer webhook.
        rate: refuse an NCCO that asks for another; 0: take what it says.
        signed: sign as Vonage does.
        expect: what makes the call a success.
        faults: such as "jitter=20".

    """

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Literal["call"]
    answer_url: Text
    method: Method = "GET"
    rate: int = 0
    signed: bool = False
    expect: Expect = "any"
    faults: Annotated[list[Text], Field(max_length=10)] = []

    @classmethod
    def read(cls, message: Mapping[str, Any]) -> "CallRequest":
        """Return a message as a request.

        Raises:
            PlanError: a field is wrong.

        """
        try:
            return cls.model_validate(message)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise PlanError(f"{where}: {first['msg']}; reload the page") from error

    def plan(self, settings: SoftphoneSettings, caller: str, talk: TalkMode) -> CallPlan:
        """Return the checked plan of the call.

        Args:
            settings: of the softphone, with the secret.
            caller: the page's number.
            talk: how `talk` passes.

        Raises:
            PlanError: it cannot be carried out.

        """
        if self.signed and not settings.signature_secret:
            raise PlanError("there is no secret to sign with; start phone serve with one")
        try:
            faults = Faults.parse(self.faults)
        except FaultError as error:
            raise PlanError(str(error)) from error
        plan = CallPlan(
            self.answer_url,
            self.method,
            settings.event_url,
            identity=Identity(caller, CALLED),
            rate=self.rate or None,
            expect=self.expect,
            talk=talk,
            signature_secret=settings.signature_secret if self.signed else None,
            api_key=settings.api_key,
            application_id=settings.application_id,
            faults=faults,
            ca_file=settings.ca_file,
        )
        plan.check()
        return plan
