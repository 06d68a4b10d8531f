"""The doors: tokens, hosts, origins, forged events, bodies, slow clients, and what a log may never hold."""
