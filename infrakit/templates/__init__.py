"""Templates of other catalogues (Coolify, Dokploy) -> apps of infrakit.yaml. Nothing imports this at a start."""
