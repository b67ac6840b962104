"""The simulated Vonage: runs NCCOs leg by leg, and sends webhooks, signed if there is a secret."""
