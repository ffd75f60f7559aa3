# The one place for versions of what pip brings. Read by scripts/setup.
TORCH_VERSION=2.13.0
