"""The simulated Vonage: conversations and their mixer, the NCCO runner, webhooks, the Voice API.

`network` is the top, with `switch` under it; `inbound` and `outbound` run a call to its end; a call
consists of legs (`leg`). Below are the rooms: `api`, `running`, `ncco`, `mixing`, `webhooks`.
"""
