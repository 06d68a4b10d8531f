"""The default world: a made-up company, Gridlark, and the people who use its product."""

from standin.acme.writer import generate as generate
