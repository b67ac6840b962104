"""The simulated Vonage, as a whole network: what runs in it, and the API that steers it.

`network` is the top, with `switch` under it; `inbound` and `outbound` see a call through; `leg` is
what a call consists of. Below are the rooms: `api`, `running`, `ncco`, `mixing`, `webhooks`.
"""
