"""The experiment: its sections and fields, constraints, links, TOML and the recipes."""
