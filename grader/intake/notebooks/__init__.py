"""Takes the definitions out of a notebook, as a module; published whole with notebook templates.

A notebook flows through: `cells`, `statements` (of which `kinds`, with which `needs`), `rewriting`
and `notebook`. Of what lies outside, it may import `limits` alone.
"""
