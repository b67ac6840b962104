"""The NCCO: its actions and endpoints, and what the platform refuses or ignores of them."""
