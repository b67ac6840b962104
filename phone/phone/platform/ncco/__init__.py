"""The NCCO: its actions and endpoints, and their validation as the platform does it."""
