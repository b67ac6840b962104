"""Developer tools behind the Makefile: the demo, the stack of processes, audit, .env.example."""
